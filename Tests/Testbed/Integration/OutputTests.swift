import Testing

/// Where standard output goes.
struct OutputTests {
  @Test(arguments: ["schema", "simulate -n 3 --policy lru"])
  func `output that cannot be written is no success`(command: String) throws {
    let shell = { (redirection: String) in
      try BuiltProgram(
        executable: "/bin/sh",
        arguments: ["-c", "\"$0\" \(command) \(redirection)", BuiltProgram.muster]
      ).run()
    }
    let full = try shell("> /dev/full")
    #expect(full.status == 2)
    #expect(
      full.talk.contains("error: standard output cannot be written: No space left on device"),
      "\(full.talk)")
    #expect(try shell("> /dev/null").status == 0)
  }
}
