import Commands
import Glibc

@main
struct Main {
  static func main() async {
    // A reader that has gone is an error of write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    // Where who started us ignores it, nobody would keep how our children end.
    signal(SIGCHLD, SIG_DFL)
    exit(await Muster.status(of: Array(CommandLine.arguments.dropFirst())))
  }
}
