/// Why a lab does not stand.
package enum LabError: Error, Equatable {
  /// A program that the lab needs is not on this machine; with the Debian package that has it.
  case missingProgram(String, package: String)
  /// The folder is there and is no lab: nothing in it is touched.
  case noLab(folder: String)
  /// Another process works on the lab.
  case locked(folder: String)
  /// A host does not answer; with the last lines of its log.
  case silent(host: String, lastLines: [String])
  case failed(operation: String, reason: String)
}
