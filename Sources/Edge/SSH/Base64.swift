import FoundationEssentials

/// Base64 as SSH's text files have it. Source: RFC 4648, section 4.
package enum Base64 {
  /// The bytes, or `nil` where `text` is not what ``encode(_:padded:)`` gives: as in OpenSSH, also where
  /// bits are left over.
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    Data(base64Encoded: Data(text)).flatMap { bytes in
      bytes.base64EncodedString().utf8.elementsEqual(text) ? Array(bytes) : nil
    }
  }

  /// - Parameter isPadded: Fingerprints go without the `=` at the end.
  package static func encode(_ bytes: [UInt8], padded isPadded: Bool = true) -> String {
    let text = Data(bytes).base64EncodedString()
    return isPadded ? text : String(text.prefix { $0 != "=" })
  }
}
