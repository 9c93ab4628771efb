import Telemetry
import Testing

struct DCGMScrapeTests {
  /// - Parameter rows: Without `DCGM_FI_`.
  private static func gpus(_ rows: String) throws -> [GPUSample] {
    var scrape = DCGMScrape()
    let page = rows.split(separator: "\n").map { "DCGM_FI_\($0)\n" }.joined()
    return try scrape.read(Array(page.utf8))
  }

  @Test func `DCGM's families say what nvidia-smi does`() throws {
    let labels = #"gpu="1",UUID="GPU-1",device="nvidia1",modelName="NVIDIA H200",Hostname="a""#
    let samples = try Self.gpus(
      """
      DEV_GPU_UTIL{\(labels)} 88
      DEV_GPU_UTIL{gpu="0",modelName="NVIDIA H200"} 9223372036854775794
      DEV_FB_USED{\(labels)} 1500
      DEV_FB_FREE{\(labels)} 2000
      DEV_FB_RESERVED{\(labels)} 100
      DEV_POWER_USAGE{\(labels)} 300.5
      DEV_GPU_TEMP{\(labels)} 44
      DEV_ECC_DBE_VOL_TOTAL{\(labels)} 1
      """)
    var expected = GPUSample(index: 1, name: "NVIDIA H200")
    expected.utilizationPercent = 88
    expected.memoryUsedMiB = 1500
    expected.memoryTotalMiB = 3600
    expected.powerWatts = 300.5
    expected.temperatureCelsius = 44
    expected.uncorrectedECCErrors = 1
    #expect(samples == [GPUSample(index: 0, name: "NVIDIA H200"), expected])
    var scrape = DCGMScrape()
    #expect(try scrape.read(Array("up 1\n".utf8)).isEmpty)
  }

  @Test func `rows of containers that share a GPU are the same number, not parts of it`() throws {
    let shared = #"gpu="0",UUID="GPU-aa01",modelName="NVIDIA A100",Hostname="n1""#
    let samples = try Self.gpus(
      """
      DEV_FB_FREE{\(shared),container="a",pod="train-1",vgpu="1"} 65800
      DEV_FB_FREE{\(shared),container="b",pod="serve-7",vgpu="3"} 65800
      DEV_FB_FREE{gpu="1",UUID="GPU-aa02"} 80100
      DEV_FB_USED{\(shared),container="a",pod="train-1",vgpu="1"} 15200
      DEV_FB_USED{\(shared),container="b",pod="serve-7",vgpu="3",GPU_I_ID=""} 15200
      DEV_FB_USED{gpu="1",UUID="GPU-aa02"} 900
      """)
    #expect(samples.map(\.memoryUsedMiB) == [15_200, 900])
    #expect(samples.map(\.memoryTotalMiB) == [81_000, 81_000])
  }

  @Test func `of a divided GPU memory adds up, and its engines say how busy it is`() throws {
    let three = #"gpu="0",UUID="GPU-77",GPU_I_PROFILE="2g.12gb",GPU_I_ID="3""#
    let four = #"gpu="0",UUID="GPU-77",GPU_I_PROFILE="2g.12gb",GPU_I_ID="4""#
    let rows = """
      DEV_GPU_UTIL{\(three)} 0
      DEV_GPU_UTIL{\(four)} 0
      DEV_FB_USED{\(three),pod="a"} 11000
      DEV_FB_USED{\(three),pod="b"} 11000
      DEV_FB_USED{\(four)} 9000
      DEV_FB_FREE{\(three)} 1000
      DEV_GPU_UTIL{gpu="1",UUID="GPU-78"} 40
      """
    let silent = try Self.gpus(rows)
    #expect(silent.map(\.utilizationPercent) == [nil, 40])
    #expect(silent.map(\.memoryUsedMiB) == [20_000, nil])
    // One of the instances does not say it.
    #expect(silent[0].memoryTotalMiB == nil)
    let busy = try Self.gpus(
      rows + """

        DEV_FB_FREE{\(four)} 3000
        PROF_GR_ENGINE_ACTIVE{\(three)} 0.93
        PROF_GR_ENGINE_ACTIVE{\(four)} 140737488355328.0
        """)
    #expect(busy.map { $0.utilizationPercent?.rounded() } == [93, 40])
    #expect(busy[0].memoryTotalMiB == 24_000)
  }

  @Test func `a row of the whole GPU says it of its instances too, but for its utilization`() throws
  {
    let samples = try Self.gpus(
      """
      DEV_GPU_UTIL{gpu="2"} 0
      DEV_FB_USED{gpu="2"} 30000
      DEV_FB_USED{gpu="2",GPU_I_ID="1"} 20000
      DEV_FB_TOTAL{gpu="2"} 81920
      DEV_POWER_USAGE{gpu="2",GPU_I_ID="1"} 250
      """)
    #expect(samples.map(\.index) == [2] && samples[0].utilizationPercent == nil)
    #expect(samples[0].memoryUsedMiB == 30_000 && samples[0].memoryTotalMiB == 81_920)
    #expect(samples[0].powerWatts == 250)
  }

  @Test(arguments: [
    "2147483632", "2147483633", "2147483634", "2147483635", "9223372036854775792",
    "9223372036854775794", "140737488355328.0", "140737488355330", "NaN", "+Inf", "-1",
  ])
  func `what DCGM does not know is unknown`(value: String) throws {
    let families = [
      "DEV_GPU_UTIL", "PROF_GR_ENGINE_ACTIVE", "DEV_FB_USED", "DEV_FB_TOTAL", "DEV_POWER_USAGE",
      "DEV_GPU_TEMP", "DEV_ECC_DBE_VOL_TOTAL",
    ]
    let rows = families.map { "\($0){gpu=\"0\",modelName=\"A\"} \(value)" }
    #expect(
      try Self.gpus(rows.joined(separator: "\n")) == [GPUSample(index: 0, name: "A")])
  }

  @Test func `a GPU without an index has that of its device, of other rows, or the next`() throws {
    let samples = try Self.gpus(
      """
      DEV_GPU_UTIL{UUID="GPU-a"} 10
      DEV_GPU_UTIL{UUID="GPU-b",device="nvidia5"} 50
      DEV_GPU_UTIL{UUID="GPU-c"} 60
      DEV_FB_USED{UUID="GPU-a"} 1
      DEV_FB_USED{UUID="GPU-c",gpu="0"} 3
      DEV_GPU_TEMP{Hostname="n"} 3
      """)
    #expect(samples.map(\.index) == [0, 5, 6])
    #expect(samples.map(\.utilizationPercent) == [60, 50, 10])
    #expect(samples.map(\.memoryUsedMiB) == [3, nil, 1])
  }
}
