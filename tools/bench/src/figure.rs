//! One measured figure, and how it is told: a line of JSON.

use serde::Serialize;
use serde_json::Value;

/// A figure with what it was made of.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// Its name, the same from run to run.
    pub figure: &'static str,
    /// The figure.
    pub value: f64,
    /// Of what it is.
    pub unit: &'static str,
    /// The measurements it was made of, and the goal it is held against.
    pub of: Value,
}

impl Figure {
    /// Prints the figure as one line on standard output.
    #[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
    pub fn print(mut self) -> anyhow::Result<()> {
        self.value = rounded(self.value);
        round_all(&mut self.of);
        println!("{}", serde_json::to_string(&self)?);
        Ok(())
    }
}

/// Tells whoever waits what is being done.
#[expect(clippy::print_stderr, reason = "progress; standard output is for figures alone")]
pub fn progress(words: &str) {
    eprintln!("{words}");
}

/// Returns a count as what ratios are made of.
#[expect(clippy::cast_precision_loss, reason = "bytes and entries stay far below 2^53")]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// Returns the middle of the values; of an even number of them, the mean of the middle two. Zero when there are none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(0.0);
    f64::midpoint(at(values.len().saturating_sub(1) / 2), at(values.len() / 2))
}

/// Returns by how much y grows with x, by least squares. Zero when x does not vary.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a handful of points")]
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let across = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>();
    let along = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum::<f64>();
    if along > 0.0 { across / along } else { 0.0 }
}

/// Keeps four digits: no figure here is surer than that.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

fn round_all(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            *value = number.as_f64().map_or(Value::Null, |number| rounded(number).into());
        }
        Value::Array(items) => items.iter_mut().for_each(round_all),
        Value::Object(members) => members.values_mut().for_each(round_all),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median([9.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 9.0]) - 3.0).abs() < 1e-9);
        assert!(median([]).abs() < 1e-9);
    }

    #[test]
    fn the_slope_of_a_line_is_found() {
        assert!((slope(&[(0.0, 5.0), (10.0, 25.0), (20.0, 45.0)]) - 2.0).abs() < 1e-9);
        assert!(slope(&[(1.0, 5.0), (1.0, 6.0)]).abs() < 1e-9);
    }

    #[test]
    fn only_measured_numbers_are_rounded() {
        let mut value = serde_json::json!({"a": [1234.567], "count": 1_234_567});
        round_all(&mut value);
        assert_eq!(value, serde_json::json!({"a": [1235.0], "count": 1_234_567}));
    }
}
