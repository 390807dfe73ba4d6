/// The fuzz targets: code that handles untrusted bytes, and the properties it must have.
///
/// Each is a pure function of its input, run by libFuzzer (the programs `fuzz-…`) and by the tests,
/// over the corpus of earlier runs. The raw value is its name everywhere: of the program and of the
/// folders.
package enum FuzzTarget: String, CaseIterable, Sendable {
  case jsonToWire = "json-to-wire"
  case wireToJSON = "wire-to-json"
  case roundTrip = "round-trip"
  case descriptorSet = "descriptor-set"
  case pathTemplate = "path-template"

  /// Runs the target once. Every input is valid.
  ///
  /// - Throws: if a property doesn't hold. Traps and invalid reads end the process on their own.
  package func run(_ input: [UInt8]) throws(BrokenProperty) {
    switch self {
    case .jsonToWire: try JSONToWireTarget.run(input)
    case .wireToJSON: try WireToJSONTarget.run(input)
    case .roundTrip: try RoundTripTarget.run(input)
    case .descriptorSet: try DescriptorSetTarget.run(input)
    case .pathTemplate: try PathTemplateTarget.run(input)
    }
  }
}
