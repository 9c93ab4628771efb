package import Hummingbird

/// Shows what is known at `/metrics`.
package struct MetricsServer: Sendable {
  package static func router(page: @escaping @Sendable () async -> [UInt8]) -> Router<
    BasicRequestContext
  > {
    let router = Router()
    router.get("/metrics") { _, _ in
      ByteBuffer(bytes: await page())
    }
    return router
  }
}
