import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// Answers as `vllm serve` or `sglang.launch_server` does: a closed port while it loads, then the paths
/// and error bodies of that server.
@main
struct StubModelServer {
  static func main() {
    let signals = StopSignals()
    do {
      let options = try ServeOptions(CommandLine.arguments)
      load(options, signals)
      try serve(options, signals)
    } catch let refusal as ServeOptions.Refusal {
      log("vllm serve: error: \(refusal.message)")
      exit(2)
    } catch {
      log("\(error)")
      exit(1)
    }
  }

  private static func log(_ line: String) {
    let bytes = Array("(APIServer pid=\(getpid())) INFO \(line)\n".utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
  }

  /// Prints the progress lines over the time of loading. As in vLLM the first TERM is swallowed once
  /// the engine has begun to load; before that, and at the second, the process ends.
  private static func load(_ options: ServeOptions, _ signals: StopSignals) {
    let took = "\((options.loadSeconds * 100).rounded() / 100)"
    let seconds = took.split(separator: ".").last?.count == 1 ? took + "0" : took
    let lines =
      options.manner == .sglang
      ? sglangLines(options)
      : [
        "non-default args: {'model_tag': '\(options.model)', 'port': \(options.port)}",
        "Initializing a V1 LLM engine (v0.32.0)", "Starting to load model \(options.model)...",
        "Warming up model for the compilation...",
        "init engine (profile, create kv cache, warmup model) took \(seconds) s",
      ]
    var terms = 0
    for (step, line) in lines.enumerated() {
      log(line)
      if options.diesWhileLoading, step == 2 {
        log("RuntimeError: Engine core initialization failed. See root cause above.")
        exit(1)
      }
      guard step < lines.count - 1 else { break }
      if signals.arrives(within: options.loadSeconds / Double(lines.count - 1)) {
        terms += 1
        if options.ignoresTerm { continue }
        // A server that is asked twice ends as if interrupted at its terminal.
        if step == 0 { StopSignals.die(of: SIGTERM) }
        if terms > 1 { StopSignals.die(of: SIGINT) }
      }
    }
  }

  private static func sglangLines(_ options: ServeOptions) -> [String] {
    [
      "server_args=ServerArgs(model_path='\(options.model)', port=\(options.port))",
      "Init torch distributed begin.", "Load weight begin. avail mem=79.00 GB",
      "Load weight end. type=Tiny, avail mem=78.00 GB", "KV Cache is allocated. #tokens: 65536",
    ]
  }

  private static func serve(_ options: ServeOptions, _ signals: StopSignals) throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let engine = ModelEngine(options, loop)
    let server: any Channel
    do {
      server = try ServerBootstrap(group: group)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .serverChannelOption(.backlog, value: 2048)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.configureHTTPServerPipeline()
            try channel.pipeline.syncOperations.addHandler(HTTPHandler(engine))
          }
        }
        .bind(host: options.host, port: options.port).wait()
    } catch let error as IOError where error.errnoCode == EADDRINUSE {
      log("OSError: [Errno 98] Address already in use")
      exit(1)
    }
    let place = "http://\(options.host):\(server.localAddress?.port ?? 0)"
    log(
      options.manner == .sglang ? "Uvicorn running on \(place)" : "Starting vLLM server on \(place)"
    )
    log(
      options.manner == .sglang
        ? "The server is fired up and ready to roll!" : "Application startup complete.")
    while true {
      guard signals.arrives(within: 3600), !options.ignoresTerm else { continue }
      try? server.close().wait()
      try loop.submit { engine.abortAll() }.wait()
      // The aborted answers leave the sockets before the process does.
      _ = signals.arrives(within: 0.1)
      exit(0)
    }
  }
}
