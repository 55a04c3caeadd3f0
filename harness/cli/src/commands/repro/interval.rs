//! How sure a rate is: the interval in which it lies, given how often something was seen.

/// Two-sided 95 % of the normal distribution.
const Z: f64 = 1.959_964;

/// Wilson's score interval, 95 %, of a rate that was seen `k` times in `n` tries; everything is possible after none.
///
/// Taken rather than the plain one, which claims certainty (a width of nothing) when all of a few tries went one way.
pub(crate) fn wilson(k: u32, n: u32) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (n, rate) = (f64::from(n), f64::from(k.min(n)) / f64::from(n));
    let spread = Z * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt();
    let (middle, scale) = (rate + Z * Z / (2.0 * n), 1.0 + Z * Z / n);
    (((middle - spread) / scale).clamp(0.0, 1.0), ((middle + spread) / scale).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::wilson;

    fn percent(k: u32, n: u32) -> (i64, i64) {
        let (low, high) = wilson(k, n);
        #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1000")]
        let per_mille = |x: f64| (x * 1000.0).round() as i64;
        (per_mille(low), per_mille(high))
    }

    #[test]
    fn the_interval_is_the_one_of_the_tables() {
        assert_eq!(percent(0, 10), (0, 278));
        assert_eq!(percent(10, 10), (722, 1000));
        assert_eq!(percent(5, 10), (237, 763));
        assert_eq!(percent(1, 100), (2, 54));
    }

    #[test]
    fn few_tries_say_little() {
        assert_eq!(wilson(0, 0), (0.0, 1.0));
        let (low, high) = wilson(1, 1);
        assert!(low < 0.25 && high > 0.999);
        assert_eq!(wilson(9, 3), wilson(3, 3), "no more sightings than tries");
    }
}
