//! Medians of ratios, with an interval that says how much to believe them.

/// How many samples the bootstrap draws.
const RESAMPLES: usize = 2_000;

/// A median and the interval in which it lies with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The median of what was measured.
    pub median: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// The median; NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// The median of `values` with its percentile bootstrap interval (Efron, 1979), drawn from a fixed seed so that the same
/// measurements always give the same interval.
pub fn estimate(values: &[f64]) -> Estimate {
    let mut random = meros_types::IdSource::seeded(7);
    let mut draw = || values[usize::try_from(random.next_u64() % values.len() as u64).unwrap_or(0)];
    let mut medians: Vec<f64> = Vec::new();
    if !values.is_empty() {
        medians.extend((0..RESAMPLES).map(|_| median(&(0..values.len()).map(|_| draw()).collect::<Vec<_>>())));
    }
    medians.sort_by(f64::total_cmp);
    let at = |part: f64| medians.get((medians.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
    Estimate { median: median(values), low: at(0.025), high: at(0.975) }
}

/// The median of one figure of each window.
pub fn median_of<W>(windows: &[W], of: impl Fn(&W) -> f64) -> f64 {
    median(&windows.iter().map(of).collect::<Vec<_>>())
}

/// The median ratio of one figure, pair by pair, with its interval.
pub fn ratio_of<W>(ours: &[W], floor: &[W], of: impl Fn(&W) -> f64) -> Estimate {
    let pairs = ours.iter().zip(floor).map(|(ours, floor)| of(ours) / of(floor));
    estimate(&pairs.collect::<Vec<_>>())
}

/// How a figure grows with a size: the slope of the line through the logarithms of both, by least squares. 1 is proportional,
/// 0 is not at all. NaN of fewer than two sizes.
pub fn log_log_slope(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(size, figure)| (size.ln(), figure.ln())).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / logs.len() as f64;
    let (size_mean, figure_mean) = (mean(|log| log.0), mean(|log| log.1));
    let both: f64 = logs.iter().map(|(size, figure)| (size - size_mean) * (figure - figure_mean)).sum();
    both / logs.iter().map(|(size, _)| (size - size_mean).powi(2)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_the_exponent() {
        let points: Vec<(f64, f64)> = [1.0, 2.0, 5.0, 9.0].map(|size: f64| (size, 3.0 * size.powf(1.5))).to_vec();
        assert!((log_log_slope(&points) - 1.5).abs() < 1e-9);
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
    }

    #[test]
    fn an_interval_holds_its_median() {
        let estimate = estimate(&[1.0, 2.0, 3.0, 4.0, 100.0]);
        assert!(estimate.low <= estimate.median && estimate.median <= estimate.high, "{estimate:?}");
    }
}
