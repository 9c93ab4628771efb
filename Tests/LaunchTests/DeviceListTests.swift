import Launch
import Testing

struct DeviceListTests {
  @Test(
    arguments: [
      ("0,1", ["0", "1"], nil, 2), ("2, 3", ["2", "3"], nil, 2), (" 0 ,1,", ["0", "1"], nil, 2),
      ("", [], "", 0), ("-1", [], "-1", 0), ("0,-1,1", ["0"], "-1", 1),
      ("0,0", ["0", "0"], nil, 1),
      ("0-3", [], "0-3", 0), ("0 1", [], "0 1", 0), ("0;1", [], "0;1", 0), ("all", [], "all", 0),
      ("GPU-8f2a,GPU-11", ["GPU-8f2a", "GPU-11"], nil, 2),
      ("MIG-a1,MIG-b2", ["MIG-a1", "MIG-b2"], nil, 1), ("07", ["7"], nil, 1),
      ("NoDevFiles", [], "NoDevFiles", 0),
    ] as [(String, [String], String?, Int)])
  func `a list of devices is read as CUDA does`(
    text: String, names: [String], end: String?, count: Int
  ) {
    let list = DeviceList(text)
    #expect(list.names == names && list.end == end && list.visibleCount == count)
    #expect(list.indices == names.compactMap { Int($0) })
  }

  @Test func `a replica sees what the list names`() {
    var launch = LaunchSpecification(argv: ["x"], environment: [.init("A", "0, 2")])
    launch.devices = DeviceNeed(count: 2, variables: ["A"])
    #expect(launch.visibleDevices == [0, 2])
  }
}
