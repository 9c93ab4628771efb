import Fleet
import Testing

@Suite struct ByteCountTests {
  @Test(arguments: [
    ("0", 0), ("512", 512), ("12B", 12), ("300MB", 300_000_000), ("300 mb", 300_000_000),
    ("4GiB", 4 << 30), ("1.5kB", 1500), ("0.5GiB", 1 << 29), ("2TB", 2_000_000_000_000),
    ("1KiB", 1024), ("9223372036854775807", .max),
  ])
  func `a number and a unit are read`(text: String, bytes: Int) {
    #expect(ByteCount(text)?.bytes == bytes)
  }

  @Test(arguments: [
    "", "MB", "-1", "1.5", "0.0001kB", "1.2.3MB", "1 XB", "1MBs", "1e3", "٣MB", ".5MB", "1.MB",
    "9223372036854775808", "10000000000GB", "1.0005kB",
  ])
  func `anything else is refused`(text: String) {
    #expect(ByteCount(text) == nil)
  }

  @Test(arguments: [
    (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (1500, "1.50 kB"), (9994, "9.99 kB"),
    (9995, "10.0 kB"), (24_000_000, "24.0 MB"), (99_949_999, "99.9 MB"), (99_950_000, "100 MB"),
    (999_499, "999 kB"), (999_500, "1.00 MB"), (300_000_000, "300 MB"), (1 << 30, "1.07 GB"),
    (1_050_000_000, "1.05 GB"), (Int.max, "9.22 EB"),
  ])
  func `three digits are printed`(bytes: Int, text: String) {
    #expect(ByteCount(bytes).description == text)
  }

  @Test func `counts are ordered by their bytes`() {
    #expect(ByteCount(999) < ByteCount(1000))
    #expect(!(ByteCount(1000) < ByteCount(1000)))
  }
}
