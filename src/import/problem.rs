//! Why a row cannot become a proposal, in the words of both languages.

/// One reason for which a row is not taken.
///
/// No reason quotes a cell, since a cell may be personal and reasons end up in terminals and logs; file, line and
/// column say where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Nothing stands where a value is needed.
    Missing,
    /// No row of the other file matches.
    NoMatch {
        /// The file looked into.
        file: String,
    },
    /// Several rows of the other file match and disagree.
    Ambiguous {
        /// The file looked into.
        file: String,
        /// The number of different values found.
        values: usize,
    },
    /// Two rows of the other file are both the first, and disagree.
    Tie {
        /// The file looked into.
        file: String,
    },
    /// A row of the other file has no value in a column it is ordered by.
    Unordered {
        /// The file looked into.
        file: String,
        /// The line that cannot be placed.
        line: u64,
        /// The empty column.
        column: String,
    },
    /// The other file has unreadable rows, any of which might be the one looked for.
    Damaged {
        /// The file looked into.
        file: String,
        /// The first line of it that could not be read.
        line: u64,
    },
    /// More characters than allowed.
    TooLong {
        /// Characters found.
        length: usize,
        /// Characters allowed.
        max: usize,
    },
    /// Fewer characters than needed.
    TooShort {
        /// Characters found.
        length: usize,
        /// Characters needed.
        min: usize,
    },
    /// Not a whole number, or one beyond ±(2^53−1).
    NotInteger,
    /// Not a decimal number of at most 28 digits.
    NotDecimal,
    /// Neither `true` nor `false`.
    NotBoolean,
    /// Not a date of the stated format.
    NotDate,
    /// A local time that the ledger's zone skips or has twice.
    NotInZone,
    /// A word for which the mapping names no replacement.
    NotRecoded,
    /// No identifier, even after replacing what identifiers cannot hold.
    NotId,
    /// Another text was already turned into the same identifier.
    IdTaken,
    /// Letters in a telephone number, or a length outside 5 to 24.
    NotPhone,
    /// Not the name of a stream.
    NotStream,
    /// The calculation leaves the range of exact arithmetic or of the ledger's integers.
    Overflow,
    /// The calculation divides by zero.
    DivisionByZero,
    /// An amount with fractions of a fen where none are allowed.
    NotWhole,
    /// An amount below zero where none is allowed.
    Negative,
    /// Rows that name each other as predecessors in a circle.
    Circular,
    /// The same proposal was already planned from the same row.
    Duplicate,
    /// A record with another number of fields than the header.
    Uneven {
        /// Fields in the header.
        expected: usize,
        /// Fields in the record.
        found: usize,
    },
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// A NUL or another control character.
    Control,
    /// A quote inside an unquoted field, or text after a closing quote.
    StrayQuote,
    /// A quote that is never closed; everything after it is unread.
    OpenQuote,
}

impl Problem {
    /// Says the reason in English.
    pub fn english(&self) -> String {
        match self {
            Self::Missing => "a value is needed and there is none".to_owned(),
            Self::NoMatch { file } => format!("no row of {file} matches"),
            Self::Ambiguous { file, values } => {
                format!("the matching rows of {file} give {values} different values, one is needed")
            }
            Self::Tie { file } => format!("several rows of {file} are equally the first and disagree"),
            Self::Unordered { file, line, column } => {
                format!("line {line} of {file} has no \"{column}\" to be ordered by")
            }
            Self::Damaged { file, line } => {
                format!("cannot be decided while {file} has unreadable rows, the first in line {line}")
            }
            Self::TooLong { length, max } => format!("{length} characters, at most {max} are allowed; nothing is cut"),
            Self::TooShort { length, min } => format!("{length} characters, at least {min} are needed"),
            Self::NotInteger => "not a whole number within ±(2^53−1)".to_owned(),
            Self::NotDecimal => "not a decimal number of at most 28 digits".to_owned(),
            Self::NotBoolean => "neither \"true\" nor \"false\"".to_owned(),
            Self::NotDate => "not a date in the format the mapping states".to_owned(),
            Self::NotInZone => "this local time does not exist, or exists twice, in the ledger's zone".to_owned(),
            Self::NotRecoded => "the mapping names no replacement for this word".to_owned(),
            Self::NotId => "no identifier: 1 to 40 of A-Z a-z 0-9 . _ -, the first a letter or digit".to_owned(),
            Self::IdTaken => "another text was already turned into the same identifier".to_owned(),
            Self::NotPhone => "no telephone number: 5 to 24 digits, blanks and + - ( ) . /, no letters".to_owned(),
            Self::NotStream => "not the name of a stream, such as customer/C-1".to_owned(),
            Self::Overflow => "the calculation leaves the range of exact arithmetic".to_owned(),
            Self::DivisionByZero => "the calculation divides by zero".to_owned(),
            Self::NotWhole => "the amount is not a whole number of fen".to_owned(),
            Self::Negative => "the amount is below zero".to_owned(),
            Self::Circular => "this row and others wait for each other in a circle".to_owned(),
            Self::Duplicate => "the same proposal was already planned from this row".to_owned(),
            Self::Uneven { expected, found } => format!("{found} fields, the header has {expected}"),
            Self::NotUtf8 => "the row is not UTF-8 text".to_owned(),
            Self::Control => "the row holds a NUL or another control character".to_owned(),
            Self::StrayQuote => "a quote stands inside an unquoted field, or text follows a closing quote".to_owned(),
            Self::OpenQuote => {
                "a quote is opened and never closed; nothing after this line of the file was read".to_owned()
            }
        }
    }

    /// Says the reason in Chinese.
    pub fn chinese(&self) -> String {
        match self {
            Self::Missing => "缺少必需的值".to_owned(),
            Self::NoMatch { file } => format!("{file} 中没有匹配的行"),
            Self::Ambiguous { file, values } => format!("{file} 中匹配的行给出 {values} 个不同的值，只能有一个"),
            Self::Tie { file } => format!("{file} 中有多行同为第一行且不一致"),
            Self::Unordered { file, line, column } => format!("{file} 第 {line} 行缺少用于排序的“{column}”"),
            Self::Damaged { file, line } => format!("{file} 有无法读取的行（首个为第 {line} 行），无法判定"),
            Self::TooLong { length, max } => format!("共 {length} 个字符，最多 {max} 个；不作截断"),
            Self::TooShort { length, min } => format!("共 {length} 个字符，至少 {min} 个"),
            Self::NotInteger => "不是 ±(2^53−1) 以内的整数".to_owned(),
            Self::NotDecimal => "不是 28 位以内的十进制数".to_owned(),
            Self::NotBoolean => "既不是“true”也不是“false”".to_owned(),
            Self::NotDate => "不符合映射文件规定的日期格式".to_owned(),
            Self::NotInZone => "该当地时间在账本时区中不存在或出现两次".to_owned(),
            Self::NotRecoded => "映射文件未规定该词的替换".to_owned(),
            Self::NotId => "不是合法编号：1 至 40 个字母、数字或 . _ -，首位为字母或数字".to_owned(),
            Self::IdTaken => "另一文本已转换为相同的编号".to_owned(),
            Self::NotPhone => "不是电话号码：5 至 24 个数字、空格及 + - ( ) . /，不含字母".to_owned(),
            Self::NotStream => "不是流名称，例如 customer/C-1".to_owned(),
            Self::Overflow => "计算超出精确运算的范围".to_owned(),
            Self::DivisionByZero => "计算中除数为零".to_owned(),
            Self::NotWhole => "金额不是整数分".to_owned(),
            Self::Negative => "金额小于零".to_owned(),
            Self::Circular => "该行与其他行循环等待".to_owned(),
            Self::Duplicate => "该行已产生相同的提案".to_owned(),
            Self::Uneven { expected, found } => format!("共 {found} 个字段，表头为 {expected} 个"),
            Self::NotUtf8 => "该行不是 UTF-8 文本".to_owned(),
            Self::Control => "该行含有 NUL 或其他控制字符".to_owned(),
            Self::StrayQuote => "未加引号的字段中有引号，或引号结束后还有文字".to_owned(),
            Self::OpenQuote => "引号未闭合；该行之后的内容均未读取".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_its_facts_in_both_languages() {
        let problem = Problem::Unordered { file: "orders.csv".to_owned(), line: 7, column: "day".to_owned() };
        for words in [problem.english(), problem.chinese()] {
            assert!(words.contains("orders.csv") && words.contains('7') && words.contains("day"), "{words}");
        }
        assert_ne!(problem.english(), problem.chinese());
    }
}
