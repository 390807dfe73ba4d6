@testable import Upstream

// Tests write identifiers as numbers.
extension MemberID: ExpressibleByIntegerLiteral {
  /// The identifier with this number.
  public init(integerLiteral value: Int) { self.init(value) }
}

extension CallID: Comparable, ExpressibleByIntegerLiteral {
  init(integerLiteral value: Int) {
    self.init(value)
  }

  static func < (left: CallID, right: CallID) -> Bool {
    left.rawValue < right.rawValue
  }
}

extension ConnectionID: Comparable, ExpressibleByIntegerLiteral {
  init(integerLiteral value: Int) {
    self.init(value)
  }

  static func < (left: ConnectionID, right: ConnectionID) -> Bool {
    left.rawValue < right.rawValue
  }
}
