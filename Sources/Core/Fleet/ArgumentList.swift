/// Finds options among the arguments of a program that others wrote.
package enum ArgumentList {
  /// What `--flag value` or `--flag=value` gives, the last of several; `nil` where the flag is not
  /// there or has no value.
  package static func value(of flag: String, in arguments: [String]) -> String? {
    for index in arguments.indices.reversed() {
      let argument = arguments[index]
      if argument.hasPrefix("\(flag)=") { return String(argument.dropFirst(flag.count + 1)) }
      guard argument == flag, index + 1 < arguments.endIndex else { continue }
      return arguments[index + 1]
    }
    return nil
  }
}
