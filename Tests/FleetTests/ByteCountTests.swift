import Fleet
import Testing

@Suite struct ByteCountTests {
  @Test(arguments: [
    (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (1500, "1.50 kB"), (9994, "9.99 kB"),
    (9995, "10.0 kB"), (24_000_000, "24.0 MB"), (99_949_999, "99.9 MB"), (99_950_000, "100 MB"),
    (999_499, "999 kB"), (999_500, "1.00 MB"), (300_000_000, "300 MB"), (1 << 30, "1.07 GB"),
    (1_050_000_000, "1.05 GB"), (Int.max, "9.22 EB"),
  ])
  func `three digits are printed`(bytes: Int, text: String) {
    #expect(ByteCount(bytes).description == text)
  }
}
