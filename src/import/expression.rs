//! One exact money expression: parsed once, evaluated per row in rational arithmetic, rounded once at the end.

use std::collections::BTreeSet;

/// An arithmetic expression over the columns of a row.
///
/// The grammar is `+ - * /`, parentheses, a leading minus, decimal numbers and columns. A column is written as a
/// bare word (`unitPrice`) or, where its name is not a word, in braces (`{unit price}`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// Postfix, so that evaluating needs a stack of values and no recursion.
    steps: Vec<Step>,
}

/// An exact fraction in lowest terms, its denominator positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rational {
    numerator: i128,
    denominator: i128,
}

/// How an exact amount becomes a whole number of fen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest fen, a half away from zero.
    HalfUp,
    /// Not at all: an amount that is not a whole number of fen is an error.
    Exact,
}

/// Why a text is not an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text is longer than any honest formula.
    #[error("the expression is longer than {EXPRESSION_CHARACTERS_MAX} characters")]
    TooLong,
    /// A character that has no meaning at its place.
    #[error("unexpected `{found}` at character {at} of the expression")]
    Unexpected {
        /// The character found.
        found: char,
        /// Its place, counted from 1.
        at: usize,
    },
    /// The text stops where a number, a column or a parenthesis must follow.
    #[error("the expression ends too early")]
    Unfinished,
    /// A parenthesis or brace without its partner.
    #[error("a parenthesis or brace of the expression has no partner")]
    Unbalanced,
    /// A number of more than 28 digits.
    #[error("number `{0}` of the expression is not a decimal of at most {DECIMAL_DIGITS_MAX} digits")]
    Number(String),
}

/// Why an expression has no value on a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// The row has nothing in this column.
    #[error("column \"{0}\" is empty")]
    Missing(String),
    /// The cell is not a decimal of at most 28 digits.
    #[error("column \"{0}\" is not a decimal number of at most {DECIMAL_DIGITS_MAX} digits")]
    NotDecimal(String),
    /// A value on the way does not fit 127 bits.
    #[error("the calculation leaves the range of exact arithmetic")]
    Overflow,
    /// The divisor is zero.
    #[error("the calculation divides by zero")]
    DivisionByZero,
}

/// Why an exact amount cannot be written as fen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoundError {
    /// Above what the ledger's integers hold (±(2^53−1)).
    #[error("the amount is outside the range of the ledger's integers")]
    Overflow,
    /// Fractions of a fen where [`Rounding::Exact`] allows none.
    #[error("the amount is not a whole number of fen")]
    NotWhole,
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// [`ParseError`] names the first thing that is not part of the grammar.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.chars().count() > EXPRESSION_CHARACTERS_MAX {
            return Err(ParseError::TooLong);
        }
        let mut steps = Vec::new();
        // `None` is an open parenthesis.
        let mut waiting: Vec<Option<Operator>> = Vec::new();
        let mut operand_due = true;
        let mut characters = text.chars().enumerate().peekable();
        while let Some((at, found)) = characters.next() {
            let unexpected = ParseError::Unexpected { found, at: at + 1 };
            match (operand_due, found) {
                (_, space) if space.is_whitespace() => {}
                (true, '(') => waiting.push(None),
                (true, '-') => waiting.push(Some(Operator::Negate)),
                (true, '{') => {
                    let mut name = String::new();
                    loop {
                        match characters.next() {
                            Some((_, '}')) => break,
                            Some((_, character)) => name.push(character),
                            None => return Err(ParseError::Unbalanced),
                        }
                    }
                    steps.push(Step::Column(name.trim().to_owned()));
                    operand_due = false;
                }
                (true, first) if first.is_ascii_digit() || first == '.' => {
                    let mut number = String::from(first);
                    while let Some((_, next)) = characters.next_if(|(_, c)| c.is_ascii_digit() || *c == '.') {
                        number.push(next);
                    }
                    let value = Rational::parse(&number).ok_or(ParseError::Number(number))?;
                    steps.push(Step::Number(value));
                    operand_due = false;
                }
                (true, first) if first.is_alphabetic() || first == '_' => {
                    let mut name = String::from(first);
                    while let Some((_, next)) = characters.next_if(|(_, c)| c.is_alphanumeric() || *c == '_') {
                        name.push(next);
                    }
                    steps.push(Step::Column(name));
                    operand_due = false;
                }
                (false, ')') => loop {
                    match waiting.pop() {
                        Some(None) => break,
                        Some(Some(operator)) => steps.push(Step::Apply(operator)),
                        None => return Err(ParseError::Unbalanced),
                    }
                },
                (false, sign) => {
                    let operator = Operator::of(sign).ok_or(unexpected)?;
                    let binds =
                        |top: &mut Option<Operator>| top.is_some_and(|top| top.strength() >= operator.strength());
                    while let Some(Some(stronger)) = waiting.pop_if(binds) {
                        steps.push(Step::Apply(stronger));
                    }
                    waiting.push(Some(operator));
                    operand_due = true;
                }
                (true, _) => return Err(unexpected),
            }
        }
        if operand_due {
            return Err(ParseError::Unfinished);
        }
        while let Some(operator) = waiting.pop() {
            steps.push(Step::Apply(operator.ok_or(ParseError::Unbalanced)?));
        }
        Ok(Self { steps })
    }

    /// Names the columns the expression reads.
    pub fn columns(&self) -> BTreeSet<&str> {
        self.steps
            .iter()
            .filter_map(|step| match step {
                Step::Column(name) => Some(name.as_str()),
                Step::Number(_) | Step::Apply(_) => None,
            })
            .collect()
    }

    /// Evaluates the expression exactly, asking `cell` for the text of each column.
    ///
    /// # Errors
    /// What `cell` answers, and [`EvaluateError`] for a cell that is absent or no decimal, a result out of range, or
    /// a division by zero.
    pub fn evaluate<'a, Failure>(
        &self,
        cell: impl Fn(&str) -> Result<Option<&'a str>, Failure>,
    ) -> Result<Rational, Failure>
    where
        Failure: From<EvaluateError>,
    {
        let mut values: Vec<Rational> = Vec::new();
        for step in &self.steps {
            let value = match step {
                Step::Number(value) => *value,
                Step::Column(name) => {
                    let text = cell(name)?.ok_or_else(|| EvaluateError::Missing(name.clone()))?;
                    Rational::parse(text).ok_or_else(|| EvaluateError::NotDecimal(name.clone()))?
                }
                Step::Apply(operator) => {
                    let mut operand = || values.pop().expect("parsing leaves every operator its operands");
                    let right = operand();
                    let left = if *operator == Operator::Negate { Rational::ZERO } else { operand() };
                    operator.apply(left, right)?
                }
            };
            values.push(value);
        }
        Ok(values.pop().expect("parsing refuses an empty expression"))
    }
}

impl Rational {
    /// Zero.
    pub const ZERO: Self = Self { numerator: 0, denominator: 1 };

    /// Reads a decimal number of at most 28 significant digits: `12`, `-0.15`, `.5`, `1.5e-05`.
    ///
    /// Thousands separators, currency signs and blanks are no part of a number, since their meaning differs from
    /// country to country: `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            None => (text, 0),
            Some((mantissa, exponent)) if exponent.len() <= 4 => (mantissa, exponent.parse::<i32>().ok()?),
            Some(_) => return None,
        };
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut numerator: i128 = 0;
        let mut significant = 0_usize;
        for digit in whole.chars().chain(fraction.chars()) {
            let digit = digit.to_digit(10)?;
            if significant > 0 || digit > 0 {
                significant += 1;
            }
            if significant > DECIMAL_DIGITS_MAX {
                return None;
            }
            numerator = numerator.checked_mul(10)?.checked_add(i128::from(digit))?;
        }
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let signed = if negative { numerator.checked_neg()? } else { numerator };
        let power = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        let scale = 10_i128.checked_pow(power.unsigned_abs())?;
        if power < 0 { Self::new(signed, scale) } else { Self::new(signed.checked_mul(scale)?, 1) }
    }

    /// Adds; `None` on overflow.
    pub fn plus(self, other: Self) -> Option<Self> {
        let shared = i128::try_from(common_divisor(self.denominator, other.denominator)).ok()?;
        let ours = other.denominator / shared;
        let theirs = self.denominator / shared;
        let numerator = self.numerator.checked_mul(ours)?.checked_add(other.numerator.checked_mul(theirs)?)?;
        Self::new(numerator, self.denominator.checked_mul(ours)?)
    }

    /// Returns the value if it is a whole number that the ledger's integers hold (±(2^53−1)).
    pub fn to_integer(self) -> Option<i64> {
        if self.denominator != 1 || self.numerator.unsigned_abs() > LEDGER_INTEGER_MAX {
            return None;
        }
        i64::try_from(self.numerator).ok()
    }

    /// Turns an amount in yuan into whole fen.
    ///
    /// # Errors
    /// [`RoundError`] if the amount is out of range, or not whole under [`Rounding::Exact`].
    pub fn to_fen(self, rounding: Rounding) -> Result<i64, RoundError> {
        let hundred = Self { numerator: 100, denominator: 1 };
        let fen = self.times(hundred).ok_or(RoundError::Overflow)?;
        let whole = match rounding {
            Rounding::Exact if fen.denominator != 1 => return Err(RoundError::NotWhole),
            Rounding::Exact => fen,
            Rounding::HalfUp => fen.nearest().ok_or(RoundError::Overflow)?,
        };
        whole.to_integer().ok_or(RoundError::Overflow)
    }

    fn new(numerator: i128, denominator: i128) -> Option<Self> {
        let shared = i128::try_from(common_divisor(numerator, denominator)).ok()?;
        let (numerator, denominator) = (numerator.checked_div(shared)?, denominator.checked_div(shared)?);
        match denominator.signum() {
            1 => Some(Self { numerator, denominator }),
            -1 => Some(Self { numerator: numerator.checked_neg()?, denominator: denominator.checked_neg()? }),
            _ => None,
        }
    }

    fn minus(self, other: Self) -> Option<Self> {
        self.plus(Self { numerator: other.numerator.checked_neg()?, denominator: other.denominator })
    }

    fn times(self, other: Self) -> Option<Self> {
        // Crosswise first: what cancels never has to fit.
        let left = Self::new(self.numerator, other.denominator)?;
        let right = Self::new(other.numerator, self.denominator)?;
        Self::new(left.numerator.checked_mul(right.numerator)?, left.denominator.checked_mul(right.denominator)?)
    }

    fn over(self, other: Self) -> Option<Self> {
        self.times(Self::new(other.denominator, other.numerator)?)
    }

    fn nearest(self) -> Option<Self> {
        let twice = self.denominator.checked_mul(2)?;
        let half_added = self.numerator.checked_abs()?.checked_mul(2)?.checked_add(self.denominator)?;
        let size = half_added / twice;
        Some(Self { numerator: if self.numerator < 0 { -size } else { size }, denominator: 1 })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Number(Rational),
    Column(String),
    Apply(Operator),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Negate,
}

impl Operator {
    fn of(sign: char) -> Option<Self> {
        match sign {
            '+' => Some(Self::Add),
            '-' => Some(Self::Subtract),
            '*' => Some(Self::Multiply),
            '/' => Some(Self::Divide),
            _ => None,
        }
    }

    fn apply(self, left: Rational, right: Rational) -> Result<Rational, EvaluateError> {
        let result = match self {
            Self::Add => left.plus(right),
            Self::Subtract | Self::Negate => left.minus(right),
            Self::Multiply => left.times(right),
            Self::Divide if right == Rational::ZERO => return Err(EvaluateError::DivisionByZero),
            Self::Divide => left.over(right),
        };
        result.ok_or(EvaluateError::Overflow)
    }

    fn strength(self) -> u8 {
        match self {
            Self::Add | Self::Subtract => 1,
            Self::Multiply | Self::Divide => 2,
            Self::Negate => 3,
        }
    }
}

fn common_divisor(left: i128, right: i128) -> u128 {
    let (mut left, mut right) = (left.unsigned_abs(), right.unsigned_abs());
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

const DECIMAL_DIGITS_MAX: usize = 28;
const EXPRESSION_CHARACTERS_MAX: usize = 1000;
const LEDGER_INTEGER_MAX: u128 = (1 << 53) - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(expression: &str, cells: &[(&str, &str)]) -> Result<Rational, EvaluateError> {
        Expression::parse(expression)
            .unwrap()
            .evaluate(|name| Ok(cells.iter().find(|(column, _)| *column == name).map(|(_, text)| *text)))
    }

    fn fen(expression: &str, cells: &[(&str, &str)]) -> i64 {
        value(expression, cells).unwrap().to_fen(Rounding::HalfUp).unwrap()
    }

    #[test]
    fn a_line_is_price_times_quantity_less_discount() {
        let cells = [("unitPrice", "16.80"), ("quantity", "6"), ("discount", "0.15")];
        assert_eq!(fen("unitPrice * quantity * (1 - discount)", &cells), 8568);
    }

    #[test]
    fn half_a_fen_rounds_away_from_zero_and_no_float_is_asked() {
        assert_eq!(fen("0.005", &[]), 1);
        assert_eq!(fen("1.005", &[]), 101);
        assert_eq!(fen("0.00499999999999999999999999999", &[]), 0);
        assert_eq!(fen("-0.005", &[]), -1);
        assert_eq!(fen("-0.0049", &[]), 0);
    }

    #[test]
    fn a_long_discount_is_taken_as_written() {
        let cells = [("p", "100000000"), ("d", "0.15000000596046448")];
        assert_eq!(fen("p * (1 - d)", &cells), 8_499_999_940);
    }

    #[test]
    fn operators_bind_as_on_paper() {
        let whole = |text: &str| value(text, &[]).unwrap().to_integer();
        assert_eq!(whole("2 + 3 * 4"), Some(14));
        assert_eq!(whole("(2 + 3) * 4"), Some(20));
        assert_eq!(whole("10 - 4 - 3"), Some(3));
        assert_eq!(whole("-2 * -3"), Some(6));
        assert_eq!(whole("7 / 2 * 2"), Some(7));
        assert_eq!(whole("2 - -1"), Some(3));
    }

    #[test]
    fn columns_may_be_words_or_stand_in_braces() {
        let parsed = Expression::parse("单价 * {sold pieces}").unwrap();
        assert_eq!(parsed.columns().into_iter().collect::<Vec<_>>(), ["sold pieces", "单价"]);
    }

    #[test]
    fn what_is_not_an_expression_says_so() {
        let check = |text: &str, expected: ParseError| assert_eq!(Expression::parse(text), Err(expected), "{text}");
        check("", ParseError::Unfinished);
        check("1 +", ParseError::Unfinished);
        check("(1", ParseError::Unbalanced);
        check("1)", ParseError::Unbalanced);
        check("{a", ParseError::Unbalanced);
        check("1 2", ParseError::Unexpected { found: '2', at: 3 });
        check("1 + * 2", ParseError::Unexpected { found: '*', at: 5 });
        check("1.2.3", ParseError::Number("1.2.3".to_owned()));
        check(&"1+".repeat(600), ParseError::TooLong);
    }

    #[test]
    fn what_cannot_be_calculated_says_so() {
        let big = "9999999999999999999999999999";
        let missing = EvaluateError::Missing("a".to_owned());
        let not_decimal = EvaluateError::NotDecimal("a".to_owned());
        assert_eq!(value("a", &[]), Err(missing));
        assert_eq!(value("a", &[("a", "1,000.00")]), Err(not_decimal.clone()));
        assert_eq!(value("a", &[("a", "99999999999999999999999999999")]), Err(not_decimal));
        assert_eq!(value("a * a", &[("a", big)]), Err(EvaluateError::Overflow));
        assert_eq!(value("1 / (a - a)", &[("a", big)]), Err(EvaluateError::DivisionByZero));
        assert_eq!(value("a", &[("a", big)]).unwrap().to_fen(Rounding::HalfUp), Err(RoundError::Overflow));
        assert_eq!(value("0.005", &[]).unwrap().to_fen(Rounding::Exact), Err(RoundError::NotWhole));
        assert_eq!(value("0.05", &[]).unwrap().to_fen(Rounding::Exact), Ok(5));
    }

    #[test]
    fn decimals_are_read_exactly_or_not_at_all() {
        let check = |text: &str, expected: Option<(i128, i128)>| {
            let found = Rational::parse(text).map(|value| (value.numerator, value.denominator));
            assert_eq!(found, expected, "{text}");
        };
        check("0.15", Some((3, 20)));
        check(".5", Some((1, 2)));
        check("5.", Some((5, 1)));
        check("-0", Some((0, 1)));
        check("1.5e-05", Some((3, 200_000)));
        check("2E3", Some((2000, 1)));
        check("", None);
        check(".", None);
        check("-", None);
        check("--1", None);
        check("1e", None);
        check("1e99999", None);
        check("1e99", None);
        check("１", None);
        check(" 1", None);
        check("NaN", None);
    }

    proptest! {
        #[test]
        fn a_decimal_written_is_the_decimal_read(whole in -1_000_000_000_000_i64..1_000_000_000_000, cents in 0_i64..100) {
            let text = format!("{whole}.{cents:02}");
            let negative = text.starts_with('-');
            let expected = whole * 100 + if negative { -cents } else { cents };
            prop_assert_eq!(Rational::parse(&text).unwrap().to_fen(Rounding::Exact), Ok(expected));
        }

        #[test]
        fn adding_and_taking_away_again_changes_nothing(a in any::<i64>(), b in 1_i64..1_000_000, c in any::<i32>(), d in 1_i64..1_000_000) {
            let left = Rational::new(i128::from(a), i128::from(b)).unwrap();
            let right = Rational::new(i128::from(c), i128::from(d)).unwrap();
            prop_assert_eq!(left.plus(right).unwrap().minus(right).unwrap(), left);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
            let _parsed = Expression::parse(&text);
            let _decimal = Rational::parse(&text);
        }
    }
}
