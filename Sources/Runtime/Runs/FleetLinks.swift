package import Coordinator
import Fleet
package import Links
package import NIOCore
import Plan
import SSH

/// What opens links to the nodes of a plan, with the agent's program at hand.
package struct FleetLinks: Sendable {
  private let opener: LinkOpener

  /// The version of the library that speaks SSH.
  package static var libraryVersion: String { LibSSH2Session.libraryVersion }

  /// - Parameters:
  ///   - agent: The path of the program for the nodes.
  ///   - cacheFolder: Where it is kept gzipped; made if need be.
  ///   - group: Carries the bytes of all links.
  ///   - seed: Of the pauses between logins to one host.
  package init(
    agent: String, cacheFolder: String, group: any EventLoopGroup, seed: UInt64
  ) throws(RunFault) {
    do throws(LinkError) {
      self.opener = LinkOpener(
        group: group, agent: try AgentImage(path: agent, cacheFolder: cacheFolder),
        admission: LinkAdmission(seed: seed))
    } catch {
      throw RunFault(.surroundings, [error.diagnostic])
    }
  }

  /// - Parameter purpose: A run, whose agents are started or found, or errands.
  package func open(for purpose: LinkPurpose) -> OpenLink {
    let opener = self.opener
    return { node throws(NodeFault) in
      do throws(LinkError) {
        return try await opener.open(node, for: purpose)
      } catch {
        throw NodeFault(
          node: node.name, kind: error.mayPass ? .unreachable : .refused, error.diagnostic)
      }
    }
  }
}
