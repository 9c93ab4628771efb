import NodeAPI
import SwiftProtobuf
import Testing

@testable import Coordinator

/// A node may say any size; a fleet's are added up.
struct NodeSizesTests {
  private static let nodeCountMax = 4096

  @Test func `the sizes of 4096 nodes can be added up, whatever they say`() throws {
    let run = "20261121-061500-abcdef"
    let kept = try #require(
      NodeRun(
        .with {
          $0.run = run
          $0.sizeBytes = .max
        }))
    let removed = try #require(
      RemovedNodeRun(
        .with {
          $0.run = run
          $0.sizeBytes = .max
        }))
    for size in [kept.size, removed.size] {
      #expect(size <= .max / Self.nodeCountMax)
    }
  }
}
