#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H

#include <sched.h>
#include <spawn.h>
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

/* Which of the first `count` cores this process may use, one byte each. Returns 0, or -1. */
static inline int clinux_get_affinity(unsigned char *cores, int count) {
  unsigned long mask[1024 / (8 * sizeof(unsigned long))] = {0};
  long size = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
  if (size < 0) return -1;
  for (int core = 0; core < count && core < 1024; core++)
    cores[core] = mask[core / (8 * sizeof(unsigned long))] >> (core % (8 * sizeof(unsigned long))) & 1;
  return 0;
}

/* The same, set for this process and what it starts. */
static inline int clinux_set_affinity(const unsigned char *cores, int count) {
  unsigned long mask[1024 / (8 * sizeof(unsigned long))] = {0};
  for (int core = 0; core < count && core < 1024; core++)
    if (cores[core])
      mask[core / (8 * sizeof(unsigned long))] |= 1UL << (core % (8 * sizeof(unsigned long)));
  return (int)syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask);
}

/* In glibc since 2.34; its header shows it with _GNU_SOURCE only. */
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);

/* The child keeps no descriptor from this number on. */
static inline int clinux_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
  return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

/* The same on every architecture; fcntl.h shows the call with _GNU_SOURCE only. */
#define CLINUX_FALLOC_FL_COLLAPSE_RANGE 0x08
int fallocate(int, int, off_t, off_t);

/* Takes the first `size` bytes out of a file: what follows moves to its beginning. No write comes in
   between. `size` is a multiple of the file system's block, and less than the file's size. Returns 0,
   or -1: many file systems cannot. Linux 3.15. */
static inline int clinux_collapse_range(int file, off_t size) {
  return fallocate(file, CLINUX_FALLOC_FL_COLLAPSE_RANGE, 0, size);
}

#endif
