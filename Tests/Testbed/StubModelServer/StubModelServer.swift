@main
struct StubModelServer {
  static func main() {}
}
