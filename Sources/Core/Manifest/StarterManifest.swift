import Fleet

/// The manifest that `muster init` writes: checked, with comments that say what to change.
package enum StarterManifest {
  /// - Parameters:
  ///   - hosts: Where nodes come from; without entries the manifest has the node `localhost` alone.
  ///   - name: The run's name.
  package static func text(hosts: HostFile, name: String) -> String {
    """
    # Written by `muster init`. Next: `muster check FILE`, `muster plan FILE`, `muster up FILE`.
    muster: 1
    name: \(name)

    # How nodes are reached; an entry of `nodes` may override each of these in an `ssh:` of its own.
    ssh:
      # user: me
      # identity: ~/.ssh/id_ed25519
      # known_hosts: ~/.ssh/known_hosts
      unknown_hosts: refuse  # accept-new adds the key of a host that is not known yet
      connect_timeout: 10  # seconds, over connection and login

    nodes:
    \(Self.nodes(of: hosts))
    # Names for sets of nodes; use them in quotes: on: "@judges"
    # groups:
    #   judges: gpu[17-21]

    # Variables for every service.
    # env:
    #   OMP_NUM_THREADS: 16

    # Names of variables of your environment; values never enter a file.
    # secrets: [HF_TOKEN]

    # Compile caches of the nodes, on a disk of their own.
    # caches:
    #   root: /local/muster

    services:
      hello:
        recipe: command
        run: echo ready on {node}; exec sleep 1000000
        probe: {log: ready}
      # policy:
      #   recipe: vllm
      #   model: organisation/name
      #   tensor_parallel: 8
      #   max_num_seqs: 16
      #   cudagraph_capture_sizes: [1, 2, 4, 8, 16]

    # What `muster eval` does; flags win.
    work:
      policy: lru
      num_examples: 300
      rollouts_per_example: 1
      difficulty: all
      seed: 42

    """
  }

  private static func nodes(of hosts: HostFile) -> String {
    guard !hosts.entries.isEmpty else { return "  - {hosts: localhost, link: local}\n" }
    var text = ""
    for entry in hosts.entries {
      text += "  - hosts: \(NodeSet(entry.hosts).folded)\n"
      if entry.user != nil || entry.port != nil {
        text += "    ssh:\n"
        if let user = entry.user { text += "      user: \(YAMLQuoting.quote(user))\n" }
        if let port = entry.port { text += "      port: \(port)\n" }
      }
      if let slots = entry.slots { text += "    labels: {slots: \(slots)}\n" }
    }
    return text
  }
}
