/// A Markdown table that is also readable unrendered: columns are padded.
struct Table {
  private var rows: [[String]]
  /// The number of columns that contain words: aligned to the left.
  private let words: Int

  /// - Parameter words: the number of columns at the left that contain words; the others contain
  ///   numbers.
  init(_ head: [String], words: Int) {
    self.rows = [head]
    self.words = words
  }

  mutating func add(_ row: [String]) {
    self.rows.append(row)
  }

  var lines: [String] {
    let columns = self.rows[0].indices
    let widths = columns.map { column in self.rows.map { $0[column].count }.max() ?? 0 }
    var lines = self.rows.map { row in
      "| " + columns.map { self.pad(row[$0], to: widths[$0], column: $0) }.joined(separator: " | ")
        + " |"
    }
    let rule = columns.map { column in
      let dashes = String(repeating: "-", count: widths[column])
      return column < self.words ? dashes : dashes.dropLast() + ":"
    }
    lines.insert("| " + rule.joined(separator: " | ") + " |", at: 1)
    return lines
  }

  private func pad(_ text: String, to width: Int, column: Int) -> String {
    let blanks = String(repeating: " ", count: width - text.count)
    return column < self.words ? text + blanks : blanks + text
  }
}

/// Formats numbers for the tables.
enum Numeral {
  /// `12,345`, or one decimal below ten.
  static func number(_ value: Double) -> String {
    if value < 9.95 {
      let tenths = Int((value * 10).rounded())
      return "\(tenths / 10).\(tenths % 10)"
    }
    return Self.grouped(Int(value.rounded()))
  }

  /// Two decimals, for ratios.
  static func ratio(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    return "\(hundredths / 100).\(hundredths / 10 % 10)\(hundredths % 10)"
  }

  /// Without decimals if there are none.
  static func count(_ value: Double) -> String {
    value == value.rounded() ? Self.grouped(Int(value)) : Self.number(value)
  }

  static func grouped(_ value: Int) -> String {
    var text = ""
    for (index, digit) in String(value).reversed().enumerated() {
      if index > 0, index % 3 == 0, digit != "-" { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }
}
