import Fleet
import Manifest
import Testing

@Suite struct ManifestFaultTests {
  /// What follows the version and the nodes, and the one fault it has, as it is told.
  static let faults: [(text: String, told: String)] = [
    (
      "servces: {}",
      """
      error: the manifest has no key `servces`
        --> m.yaml:3:1
      hint: write `services`

      """
    ),
    (
      "name: [a]",
      """
      error: `name` is a text, not a list
        --> m.yaml:3:7

      """
    ),
    (
      "services: {a: {recipe: command, run: a, restart: always}}",
      """
      error: `restart` is `always`
        --> m.yaml:3:50
      hint: write `never`, `on-failure` or `{budget: N}`: at most N restarts within an hour

      """
    ),
    (
      "services: {a: {recipe: command, run: a, cores: 4}}",
      """
      error: `cores` is `4`
        --> m.yaml:3:48
      hint: write `cores: split`: each replica of a node keeps to its own part of the cores

      """
    ),
    (
      "services: {a: {recipe: command, run: a, metrics: {path: x}}}",
      """
      error: `metrics` needs a `port` and a path that begins with `/`
        --> m.yaml:3:50
      hint: write `metrics: {port: 9000, path: /metrics}`

      """
    ),
    (
      "env: {A: 1, MUSTER_RUN: x}",
      """
      error: `MUSTER_RUN` is a variable that Muster sets itself
        --> m.yaml:3:13
      hint: take another name, without `MUSTER_`

      """
    ),
    (
      "notify: {every: 60}",
      """
      error: `notify` tells nobody
        --> m.yaml:3:9
      hint: write `command: [argv]` or `webhook: URL`

      """
    ),
    (
      "notify: {webhook: \"https://example.com:99999/secret\"}",
      """
      error: `webhook` is no URL of HTTP
        --> m.yaml:3:19
      hint: write `https://example.com/…`, or `http`

      """
    ),
    (
      "notify: {webhook: \"ftp://example.com\"}",
      """
      error: `webhook` is no URL of HTTP
        --> m.yaml:3:19
      hint: write `https://example.com/…`, or `http`

      """
    ),
    (
      "notify: {command: a, on: [failed, lost]}",
      """
      error: `on` is `lost`
        --> m.yaml:3:35
      hint: write some of `failed`, `backoff`, `stalled`, `unreachable`, `ready`

      """
    ),
    (
      "exporters: [{name: dcgm}]",
      """
      error: an exporter needs a name of its own, a port, and a path that begins with `/`
        --> m.yaml:3:13
      hint: write `{name: dcgm, port: 9400, path: /metrics}`

      """
    ),
    (
      "work: {seed: many}",
      """
      error: `seed` is a whole number, not `many`
        --> m.yaml:3:14

      """
    ),
    (
      "work: {shards: 0}",
      """
      error: `shards` is `0`
        --> m.yaml:3:16
      hint: write 1 to 65536

      """
    ),
    (
      "work: {difficulty: brutal}",
      """
      error: `difficulty` is `brutal`
        --> m.yaml:3:20
      hint: write one of `easy`, `medium`, `hard`, `all`

      """
    ),
    (
      "caches: {root: relative}",
      """
      error: `root` is `relative`
        --> m.yaml:3:16
      hint: write an absolute path without `..`

      """
    ),
    (
      "secrets: [1X]",
      """
      error: secret `1X` is no variable's name
        --> m.yaml:3:11
      hint: write the name of a variable of your environment, never its value

      """
    ),
    (
      "groups: {judges: n1}\nservices: {a: {recipe: command, on: \"@juges\"}}",
      """
      error: `on` names an unknown group `@juges`
        --> m.yaml:4:37
      hint: write `@judges`

      """
    ),
    (
      "groups: {a: \"@b\"}\nservices: {}",
      """
      error: group `a` names an unknown group `@b`
        --> m.yaml:3:13
      hint: name it under `groups:`

      """
    ),
    (
      "services: {a: {recipe: command, on: n9}}",
      """
      error: `on` names `n9`, not in `nodes`
        --> m.yaml:3:37
      hint: nodes: n[1-3]

      """
    ),
    (
      "services: {polcy: {recipe: command}, b: {recipe: command, after: policy}}",
      """
      error: service `b` starts after unknown `policy`
        --> m.yaml:3:66
      hint: write `polcy`

      """
    ),
    (
      "services: {a: {recipe: command, replicas: 65}}",
      """
      error: `replicas` is `65`
        --> m.yaml:3:43
      hint: write 1 to 64

      """
    ),
    (
      "services: {a: {}}",
      """
      error: service `a` names no `recipe`
        --> m.yaml:3:12
      hint: write `recipe: command` or that of a server of models

      """
    ),
    (
      "services: {a: {recipe: command, secrets: [TOKEN]}}",
      """
      error: service `a` uses an undeclared secret `TOKEN`
        --> m.yaml:3:42
      hint: name it under the manifest's `secrets:` too

      """
    ),
    (
      "services: {a: {recipe: command, run: a, on: n1!n1}}",
      """
      error: `on` is empty: `n1!n1`
        --> m.yaml:3:45

      """
    ),
    (
      "work: {on: n1!n1}",
      """
      error: `on` is empty: `n1!n1`
        --> m.yaml:3:12

      """
    ),
    (
      "exporters: [{name: a, port: 1, on: n1!n1}]",
      """
      error: `on` is empty: `n1!n1`
        --> m.yaml:3:36

      """
    ),
    (
      "ssh: {unknown_hosts: accept}",
      """
      error: `unknown_hosts` is `accept`
        --> m.yaml:3:22
      hint: write one of `refuse`, `accept-new`

      """
    ),
    (
      "env: {CUDA_VISIBLE_DEVICES: 0,1}",
      """
      error: `1` is no variable's name
        --> m.yaml:3:31
      hint: a value with a comma needs quotes here: `"0,1"`

      """
    ),
    (
      "env: {CUDA_VISIBLE_DEVICES: [0, 1]}",
      """
      error: variable `CUDA_VISIBLE_DEVICES` is a text, not a list
        --> m.yaml:3:29
      hint: write `"0,1"`

      """
    ),
    (
      "notify: {command: notify-send lost}",
      """
      error: `command` names one program, `notify-send lost`, with blanks in its name
        --> m.yaml:3:19
      hint: write its words as a list: `["notify-send", "lost"]`

      """
    ),
    (
      "env: {A-B: 1}",
      """
      error: `A-B` is no variable's name
        --> m.yaml:3:7
      hint: write letters, digits and `_`, not first a digit

      """
    ),
  ]

  @Test(arguments: faults.indices)
  func `a fault is told with its place, its value and a hint`(index: Int) {
    let (text, told) = Self.faults[index]
    let (manifest, faults) = ManifestReader.read(
      "muster: 1\nnodes: n[1-3]\n\(text)\n", file: "m.yaml")
    #expect(manifest == nil)
    #expect(faults.map { $0.rendered() } == [told])
  }

  @Test func `all faults of a file are told in the order of their places`() {
    let (_, faults) = ManifestReader.read(
      """
      muster: 2
      nodes:
        - {hosts: n1, ssh: {port: 70000}}
        - {hosts: n1, colour: red}
      services:
        a: {recipe: command, after: b}
        b: {recipe: command, after: a, replicas: x}
      """, file: "m.yaml")
    #expect(
      faults.map { "\($0.location?.line ?? 0) \($0.code)" } == [
        "1 unknown-version", "3 out-of-range", "4 duplicate-host", "4 unknown-key",
        "6 after-cycle", "7 after-cycle", "7 wrong-type",
      ])
  }

  @Test func `a cycle is told with its way`() {
    let (_, faults) = ManifestReader.read(
      """
      muster: 1
      nodes: n1
      services:
        a: {recipe: command, after: c}
        b: {recipe: command, after: a}
        c: {recipe: command, after: b}
        d: {recipe: command, after: c}
      """, file: "m.yaml")
    #expect(
      faults.map(\.causes) == [
        ["`a` after `c` after `b` after `a`"], ["`b` after `a` after `c` after `b`"],
        ["`c` after `b` after `a` after `c`"],
      ])
  }

  @Test func `groups that name each other are a fault`() {
    let (_, faults) = ManifestReader.read(
      "muster: 1\nnodes: n1\ngroups: {a: \"@b\", b: \"@a\"}\n", file: "m.yaml")
    #expect(faults.map(\.code) == ["group-cycle", "group-cycle"])
  }

  @Test func `the same key twice has a place`() {
    let (_, faults) = ManifestReader.read(
      "muster: 1\nnodes: n1\nnodes: n2\n", file: "m.yaml")
    #expect(faults.map(\.code) == ["duplicate-key"])
    #expect(faults.first?.summary == "key `nodes` stands twice in one mapping")
    #expect(faults.first?.location?.file == "m.yaml")
  }
}
