import Fleet

/// What a node's `sh` reads on standard input: finds the agent, or asks for it, and becomes it.
///
/// On standard input and not in the command line, so that no login shell parses it: `exec sh` means
/// the same in sh, bash, zsh, tcsh and fish, and the script travels through `srun` and `kubectl`
/// alike. It answers with lines (``AgentGreeting``) before the agent's preface:
///
/// ```
/// muster-found                       an agent is here, and is started next
/// muster-absent Linux x86_64 gzip    no agent here; it expects `SIZE gzip|plain`, LF, SIZE bytes
/// muster-unfit 1 TEXT                place 1 cannot hold it, and why
/// muster-failed                      no place can
/// muster-resting                     the agent's word: no daemon of the run is there
/// ```
package struct AgentScript: Equatable, Sendable {
  /// Places for the program, in this order.
  package static let places = ["~/.cache/muster", "/tmp/muster-<uid>", "/dev/shm/muster-<uid>"]

  /// Of the program, 64 hexadecimal digits.
  package var sha256: String
  /// A name of 1 to 64 of `A-Za-z0-9._-`.
  package var node: String
  package var purpose: LinkPurpose
  /// Places at the front that have proved unfit, 0 to 2.
  package var skippedPlaceCount = 0
  /// Whether an agent that is found is trusted only after its bytes are hashed. Not at every login:
  /// 40 MB take 100 ms and more. On a node without `sha256sum` none is trusted then.
  package var checksAgent = false

  /// One compound command: the shell has read all of it before any part runs, so that what follows
  /// on standard input is the image's or the agent's.
  package var text: String {
    """
    { h=\(self.sha256) n=\(ShellQuoting.quote(self.node))
    become() { exec "$d/muster-node" \(self.arguments); }
    k=\(self.skippedPlaceCount) v=\(self.checksAgent ? 1 : 0)
    \(Self.body)
    }

    """
  }

  private var arguments: String {
    self.purpose.arguments(node: self.node).map { ShellQuoting.quote($0) }.joined(separator: " ")
  }

  /// `ours` wants a place in a folder of all users to be closed to their writing: else one of them
  /// could put a program there between the look and `exec`. A home is its user's own affair.
  private static let body = """
    set -f
    echo
    safe() { [ ! -h "$1" ] && [ -d "$1" ] && [ -O "$1" ]; }
    ours() {
      safe "$b" && safe "$d" || return 1
      if [ $1 = 1 ]; then return 0; fi
      case $(LC_ALL=C ls -ld "$b") in d????-??-*) ;; *) return 1;; esac
    }
    place() {
      case $1 in
      1) b=$HOME/.cache/muster;;
      2) b=/tmp/muster-$u;;
      3) b=/dev/shm/muster-$u;;
      esac
      d=$b/agent/$h
    }
    whole() {
      [ $v = 0 ] || [ "$(sha256sum 2>/dev/null < "$d/muster-node")" = "$h  -" ]
    }
    find_agent() {
      place $1
      if ours $1 && [ -O "$d/muster-node" ] && [ -s "$d/muster-node" ] &&
        [ -x "$d/muster-node" ] && whole; then
        echo muster-found
        become
      fi
    }
    make_place() {
      umask 077
      LC_ALL=C
      export LC_ALL
      mkdir -p "$d" || return 1
      if ! ours $c; then echo "not a folder of this user alone"; return 1; fi
      find "$d" -name ".tmp.*" -mmin +60 -exec rm -f {} + 2>/dev/null
      if ! (: > "$t"); then return 1; fi
      chmod 700 "$t" || return 1
      if ! [ -x "$t" ]; then rm -f "$t"; echo "noexec"; return 1; fi
    }
    receive() {
      LC_ALL=C
      export LC_ALL
      case $2 in
      gzip) head -c "$1" | gzip -dc > "$t" || return 1;;
      *) head -c "$1" > "$t" || return 1;;
      esac
      sync "$t" 2>/dev/null
      "$t" verify $h || return 1
      mv -f "$t" "$d/muster-node"
    }
    u=
    find_agent 1
    u=$(id -u)
    find_agent 2
    find_agent 3
    a=plain
    if command -v gzip > /dev/null 2>&1; then a=gzip; fi
    for c in 1 2 3; do
      if [ $c -le $k ]; then continue; fi
      place $c
      t=$d/.tmp.$n.$$
      if ! e=$(make_place 2>&1); then echo "muster-unfit $c" $e; continue; fi
      echo "muster-absent $(uname -s) $(uname -m) $a"
      read z a || exit 81
      if e=$(receive "$z" "$a" 2>&1); then become; fi
      rm -f "$t"
      echo "muster-unfit $c" $e
      exit 81
    done
    echo muster-failed
    exit 82
    """
}

/// What is wanted of the agent at the other end of a link.
package enum LinkPurpose: Equatable, Sendable {
  /// The daemon of a run, started if there is none: it outlives the link.
  case run(String)
  /// The daemon of a run where there is one; none is started.
  case observation(of: String)
  /// Short calls that belong to no run: the agent ends with the link, and leaves nothing.
  case errand

  /// A name that must be one.
  var name: String {
    switch self {
    case .run(let run), .observation(let run): run
    case .errand: "errand"
    }
  }

  /// Of `muster-node`.
  func arguments(node: String) -> [String] {
    switch self {
    case .run(let run): ["connect", "--run", run, "--node", node]
    case .observation(let run): ["observe", "--run", run, "--node", node]
    case .errand: ["errand", "--node", node]
    }
  }
}
