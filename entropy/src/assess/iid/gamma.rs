//! The upper tail of the chi-square distribution.

/// Terms after which an expansion is ended; it has converged long before for any number of symbol pairs.
const MOST_TERMS: u32 = 1_000_000;

/// How likely a chi-square variable of `degrees` degrees of freedom is to reach `score`; 1 when there are none.
pub(crate) fn chi_square_tail(score: f64, degrees: i64) -> f64 {
    let (a, x) = (degrees as f64 / 2.0, score / 2.0);
    if a <= 0.0 || x <= 0.0 {
        return 1.0;
    }
    let scale = (a * x.ln() - x - libm::lgamma(a)).exp();
    if x < a + 1.0 { 1.0 - scale * series(a, x) } else { scale * fraction(a, x) }
}

/// γ(a, x) / (x^a·e^−x) by its power series (DLMF 8.11.4), which converges fast for x < a + 1.
fn series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum) = (1.0 / a, 1.0 / a);
    for i in 1..MOST_TERMS {
        term *= x / (a + f64::from(i));
        sum += term;
        if term < sum * f64::EPSILON {
            break;
        }
    }
    sum
}

/// Γ(a, x) / (x^a·e^−x) by its continued fraction (DLMF 8.9.2, even part), evaluated after Lentz, for x ≥ a + 1.
fn fraction(a: f64, x: f64) -> f64 {
    // Stands for a denominator of zero, which the evaluation passes through.
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / away_from_zero(b);
    let mut value = d;
    for i in 1..MOST_TERMS {
        let i = f64::from(i);
        let numerator = -i * (i - a);
        b += 2.0;
        d = 1.0 / away_from_zero(numerator * d + b);
        c = away_from_zero(b + numerator / c);
        value *= c * d;
        if (c * d - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST/SEMATECH e-Handbook of Statistical Methods, §1.3.6.7.4: upper critical values, given to three decimals.
    #[test]
    fn tail_agrees_with_the_published_table() {
        for (degrees, at_5_percent, at_1_permille) in [
            (1, 3.841, 10.828),
            (2, 5.991, 13.816),
            (5, 11.070, 20.515),
            (10, 18.307, 29.588),
            (30, 43.773, 59.703),
            (100, 124.342, 149.449),
        ] {
            assert!((chi_square_tail(at_5_percent, degrees) / 0.05 - 1.0).abs() < 1e-3, "{degrees}");
            assert!((chi_square_tail(at_1_permille, degrees) / 0.001 - 1.0).abs() < 1e-3, "{degrees}");
        }
        // With two degrees of freedom the tail is e^(−x/2).
        for x in [0.01f64, 1.0, 3.9, 4.1, 50.0, 700.0] {
            assert!((chi_square_tail(x, 2) / (-x / 2.0).exp() - 1.0).abs() < 1e-12, "{x}");
        }
        assert_eq!(chi_square_tail(5.0, 0), 1.0);
        assert_eq!(chi_square_tail(0.0, 7), 1.0);
    }
}
