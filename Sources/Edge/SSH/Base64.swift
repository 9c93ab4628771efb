import FoundationEssentials

/// Base64 as SSH's text files have it. Source: RFC 4648, section 4.
package enum Base64 {
  /// The bytes, or `nil` where `text` is not Base64, or is not padded to a multiple of four.
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    text.count % 4 == 0 ? Data(base64Encoded: Data(text)).map { Array($0) } : nil
  }

  /// - Parameter isPadded: Fingerprints go without the `=` at the end.
  package static func encode(_ bytes: [UInt8], padded isPadded: Bool = true) -> String {
    let text = Data(bytes).base64EncodedString()
    return isPadded ? text : String(text.prefix { $0 != "=" })
  }
}
