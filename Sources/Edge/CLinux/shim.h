#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H

#include <stddef.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Variadic functions are not imported into Swift; each of these is one call of one. */

/* The same on every architecture; older headers have no name for them. */
#define CLINUX_SYS_PIDFD_SEND_SIGNAL 424
#define CLINUX_SYS_PIDFD_OPEN 434

/* From now on, orphans among the descendants of this process become its children. */
static inline int clinux_become_subreaper(void) {
  return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* A descriptor that means this process, and no later one of the same number. Linux 5.3. */
static inline int clinux_pidfd_open(pid_t process) {
  return (int)syscall(CLINUX_SYS_PIDFD_OPEN, process, 0);
}

/* Linux 5.1. */
static inline int clinux_pidfd_send_signal(int pidfd, int signal) {
  return (int)syscall(CLINUX_SYS_PIDFD_SEND_SIGNAL, pidfd, signal, NULL, 0);
}

#endif
