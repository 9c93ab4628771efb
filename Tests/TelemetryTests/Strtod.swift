import Foundation

/// The C library's answer for a whole text.
func strtod(_ text: String) -> Double { Foundation.strtod(text, nil) }
