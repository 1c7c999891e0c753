//! Whether a figure grows.
//!
//! How much is there at a moment goes up and down with the visitors; a leak raises what is left when fewest are there.
//! So the samples after the warm-up are cut into [`BLOCKS`] stretches of the same length, and the least of each is taken.
//! That also takes away most of what neighbouring samples have in common, which would make a confidence interval too
//! narrow. Through the least values goes a line by least squares.
//!
//! The figure grows if it is above the noise (the line rises, with 95 % confidence) and matters (the line rises by more
//! over the judged time than is tolerated, which is small beside what any leak per connection comes to in half an hour).

use serde::Serialize;

/// What the samples say of one figure.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Slope {
    /// Per hour.
    pub(crate) per_hour: f64,
    /// Half of the 95 % confidence interval of it.
    pub(crate) plus_minus: f64,
    /// By how much the line rises over the judged time.
    pub(crate) growth: f64,
    /// Where the line begins: seconds, and the figure.
    pub(crate) from: (f64, f64),
    /// Where it ends.
    pub(crate) to: (f64, f64),
}

impl Slope {
    /// The slope of what was sampled, as seconds since the begin and the figure then; the warm-up is left out. `None`
    /// if there are too few samples.
    pub(crate) fn of(samples: &[(f64, f64)]) -> Option<Self> {
        let judged = &samples[samples.len() / WARM_UP..];
        let per_block = judged.len() / BLOCKS;
        if per_block < 2 {
            return None;
        }
        // What does not fill a block belongs to the warm-up.
        let judged = &judged[judged.len() - per_block * BLOCKS..];
        let least = judged.chunks(per_block).map(|block| {
            let middle = (block[0].0 + block[per_block - 1].0) / 2.0;
            (middle, block.iter().fold(f64::MAX, |least, sample| least.min(sample.1)))
        });
        let (start, end) = (judged[0].0, judged[judged.len() - 1].0);
        Some(Self::through(&least.collect::<Vec<_>>(), start, end))
    }

    /// Whether this is more than noise, and more than `tolerated`.
    pub(crate) fn is_growth(&self, tolerated: f64) -> bool {
        self.per_hour > self.plus_minus && self.growth > tolerated
    }

    /// Least squares.
    fn through(points: &[(f64, f64)], start: f64, end: f64) -> Self {
        let n = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
        let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
        let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
            points.iter().map(|(x, y)| of(x - mean_x, y - mean_y)).sum()
        };
        let spread = sum(&|x, _| x * x);
        let slope = sum(&|x, y| x * y) / spread;
        let residual = sum(&|x, y| (y - slope * x).powi(2));
        let deviation = (residual / (n - 2.0) / spread).sqrt();
        let at = |x: f64| mean_y + slope * (x - mean_x);
        Self {
            per_hour: slope * HOUR,
            plus_minus: T * deviation * HOUR,
            growth: slope * (end - start),
            from: (start, at(start)),
            to: (end, at(end)),
        }
    }
}

/// One part of so many is warm-up.
const WARM_UP: usize = 3;
const BLOCKS: usize = 20;
/// Student's t for 95 %, two sides, and the degrees of freedom of a line through so many points.
const T: f64 = 2.101;
const HOUR: f64 = 3600.0;

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    /// Half an hour, a sample each 5 s: 10,000, up to 1,000 for the visitors that are there, and `leak` each hour.
    fn samples(rng: &mut Rng, leak: f64) -> Vec<(f64, f64)> {
        let sample = |number: usize| {
            let seconds = number as f64 * 5.0;
            (seconds, 10_000.0 + rng.f64() * 1000.0 + leak * seconds / HOUR)
        };
        (0..360).map(sample).collect()
    }

    #[test]
    fn a_steady_leak_is_found_and_its_rate_is_right() {
        let mut rng = Rng::with_seed(1);
        for _ in 0..200 {
            // A third of what comes and goes with the visitors, in the judged time.
            let slope = Slope::of(&samples(&mut rng, 1000.0)).unwrap();
            assert!(slope.is_growth(100.0), "{slope:?}");
            assert!((slope.per_hour - 1000.0).abs() < 2.0 * slope.plus_minus, "{slope:?}");
        }
    }

    #[test]
    fn noise_is_above_the_noise_no_more_often_than_the_confidence_says() {
        let mut rng = Rng::with_seed(2);
        let above = (0..2000).filter(|_| Slope::of(&samples(&mut rng, 0.0)).unwrap().is_growth(0.0));
        // 2.5 % on one side.
        let above = above.count();
        assert!((20..=90).contains(&above), "{above} of 2000");
    }

    #[test]
    fn noise_is_no_growth() {
        let mut rng = Rng::with_seed(3);
        for _ in 0..2000 {
            assert!(!Slope::of(&samples(&mut rng, 0.0)).unwrap().is_growth(250.0));
        }
    }

    #[test]
    fn what_grows_while_it_warms_up_and_then_stays_is_no_growth() {
        let mut rng = Rng::with_seed(4);
        let mut samples = samples(&mut rng, 0.0);
        samples.iter_mut().for_each(|sample| sample.1 += (sample.0 * 10.0).min(5000.0));
        let slope = Slope::of(&samples).unwrap();
        assert!(!slope.is_growth(100.0), "{slope:?}");
    }

    #[test]
    fn visitors_that_come_in_waves_are_no_growth() {
        let waves = |number: usize| (number as f64 * 5.0, 100.0 + 50.0 * (number as f64 / 5.0).sin());
        let slope = Slope::of(&(0..360).map(waves).collect::<Vec<_>>()).unwrap();
        assert!(!slope.is_growth(4.0), "{slope:?}");
    }

    #[test]
    fn what_becomes_less_or_does_not_change_is_no_growth() {
        let mut rng = Rng::with_seed(5);
        assert!(!Slope::of(&samples(&mut rng, -1000.0)).unwrap().is_growth(0.0));
        let same: Vec<_> = (0..360).map(|number| (f64::from(number), 17.0)).collect();
        let slope = Slope::of(&same).unwrap();
        assert!(!slope.is_growth(0.0), "{slope:?}");
    }

    #[test]
    fn too_few_samples_are_not_judged() {
        assert!(Slope::of(&[]).is_none());
        assert!(Slope::of(&samples(&mut Rng::with_seed(6), 0.0)[..50]).is_none());
    }
}
