import Commands
import Glibc

@main
struct Main {
  static func main() async {
    // A reader that has gone is an error of write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    exit(await Muster.status(of: Array(CommandLine.arguments.dropFirst())))
  }
}
