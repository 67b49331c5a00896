//! DynamoDB's numbers: decimals of up to 38 digits.

use std::cmp::Ordering;
use std::fmt;

use super::invalid;
use crate::sandbox::api::ApiError;

/// Significant digits.
const MAX_DIGITS: usize = 38;
/// The powers of ten that a number's first digit may stand for.
const EXPONENTS: (i64, i64) = (-130, 125);

/// A number: a whole number of 38 digits at most, times a power of ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// Without zeros at its end.
    coefficient: i128,
    /// 0 for zero.
    exponent: i64,
}

impl Number {
    /// Reads a number: `-12.50`, `1e3`.
    ///
    /// # Errors
    /// No number, too many digits, too large or too small.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let unreadable = || invalid(format!("The parameter cannot be converted to a numeric value: {text}"));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| unreadable())?),
            None => (text, 0),
        };
        let (sign, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(unreadable());
        }
        let digits = digits.trim_start_matches('0');
        let significant = digits.trim_end_matches('0');
        if significant.len() > MAX_DIGITS {
            return Err(too_many_digits());
        }
        let coefficient: i128 =
            if significant.is_empty() { 0 } else { significant.parse().map_err(|_| unreadable())? };
        let dropped = (digits.len() - significant.len()) as i64;
        Self { coefficient: sign * coefficient, exponent: i64::from(exponent) - fraction.len() as i64 + dropped }
            .checked()
    }

    /// The sum of two numbers.
    ///
    /// # Errors
    /// A sum of too many digits, or too large.
    pub fn plus(self, other: Self) -> Result<Self, ApiError> {
        let exponent = self.exponent.min(other.exponent);
        let scaled = |number: Self| {
            let power = u32::try_from(number.exponent - exponent).ok()?;
            number.coefficient.checked_mul(10_i128.checked_pow(power)?)
        };
        let (one, other) = match (self.coefficient, other.coefficient) {
            (_, 0) => return Ok(self),
            (0, _) => return Ok(other),
            _ => (scaled(self), scaled(other)),
        };
        let sum = one.zip(other).and_then(|(one, other)| one.checked_add(other)).ok_or_else(too_many_digits)?;
        Self { coefficient: sum, exponent }.checked()
    }

    /// The number of the other sign.
    pub fn negated(self) -> Self {
        Self { coefficient: -self.coefficient, ..self }
    }

    /// Bytes, as they are counted: two digits in one.
    pub fn size(self) -> usize {
        self.digits().len().div_ceil(2) + 1
    }

    /// The same number in its one form, if it is in range.
    fn checked(mut self) -> Result<Self, ApiError> {
        if self.coefficient == 0 {
            return Ok(Self { coefficient: 0, exponent: 0 });
        }
        while self.coefficient % 10 == 0 {
            self.coefficient /= 10;
            self.exponent += 1;
        }
        let digits = self.digits().len();
        if digits > MAX_DIGITS {
            return Err(too_many_digits());
        }
        let magnitude = self.magnitude();
        if magnitude > EXPONENTS.1 {
            return Err(invalid(
                "Number overflow. Attempting to store a number with magnitude larger than supported range",
            ));
        }
        if magnitude < EXPONENTS.0 {
            return Err(invalid(
                "Number underflow. Attempting to store a number with magnitude smaller than supported range",
            ));
        }
        Ok(self)
    }

    fn digits(self) -> String {
        self.coefficient.unsigned_abs().to_string()
    }

    /// The power of ten that its first digit stands for.
    fn magnitude(self) -> i64 {
        self.exponent + self.digits().len() as i64 - 1
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.coefficient.signum().cmp(&other.coefficient.signum());
        if signs.is_ne() || self.coefficient == 0 {
            return signs;
        }
        // Digits compare like words where they stand for the same powers of ten.
        let sizes = self.magnitude().cmp(&other.magnitude()).then_with(|| self.digits().cmp(&other.digits()));
        if self.coefficient > 0 { sizes } else { sizes.reverse() }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.coefficient < 0 { "-" } else { "" };
        let digits = self.digits();
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        let point = digits.len() as i64 + self.exponent;
        if self.exponent >= 0 {
            write!(formatter, "{sign}{digits}{}", zeros(self.exponent))
        } else if point <= 0 {
            write!(formatter, "{sign}0.{}{digits}", zeros(-point))
        } else {
            let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
            write!(formatter, "{sign}{whole}.{fraction}")
        }
    }
}

fn too_many_digits() -> ApiError {
    invalid(format!("Attempting to store more than {MAX_DIGITS} significant digits in a Number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn a_number_has_one_form() {
        for (text, form) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("007", "7"),
            ("1.50", "1.5"),
            ("+1e3", "1000"),
            ("-12.5E-3", "-0.0125"),
            ("100", "100"),
            (".5", "0.5"),
            ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ] {
            assert_eq!(number(text).to_string(), form, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_long_too_large_or_too_small_is_refused() {
        let nines = "9".repeat(39);
        for (text, message) in [
            ("", "cannot be converted to a numeric value"),
            ("1x", "cannot be converted to a numeric value"),
            ("1.2.3", "cannot be converted to a numeric value"),
            ("NaN", "cannot be converted to a numeric value"),
            (nines.as_str(), "more than 38 significant digits"),
            ("1e126", "Number overflow"),
            ("1e-131", "Number underflow"),
        ] {
            let refusal = Number::parse(text).unwrap_err();
            assert!(refusal.message.contains(message), "{text}: {refusal}");
        }
        number("9.9e125");
        number("1e-130");
    }

    #[test]
    fn numbers_are_ordered_by_their_value() {
        let ordered = ["-1e10", "-2", "-1.5", "0", "0.001", "0.01", "1", "1.5", "2", "10", "1e20"];
        for pair in ordered.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
        }
        assert_eq!(number("10").cmp(&number("1e1")), Ordering::Equal);
    }

    #[test]
    fn sums_keep_every_digit_or_are_refused() {
        let sum = |one: &str, other: &str| number(one).plus(number(other)).map(|sum| sum.to_string());
        assert_eq!(sum("1.5", "2.25").unwrap(), "3.75");
        assert_eq!(sum("1", "-1").unwrap(), "0");
        assert_eq!(sum("0", "1e100").unwrap(), number("1e100").to_string());
        assert!(sum("1e100", "1").unwrap_err().message.contains("38 significant digits"));
        assert_eq!(number("5").plus(number("3").negated()).unwrap(), number("2"));
    }
}
