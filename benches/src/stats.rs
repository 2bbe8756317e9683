//! Medians of paired samples.

/// Samples of the same thing done in two ways, taken in turns.
#[derive(Default)]
pub struct Pair {
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Pair {
    pub fn push(&mut self, ours: f64, theirs: f64) {
        self.ours.push(ours);
        self.theirs.push(theirs);
    }

    pub fn ours(&self) -> f64 {
        median(&self.ours)
    }

    pub fn theirs(&self) -> f64 {
        median(&self.theirs)
    }

    /// The median of the differences.
    pub fn difference(&self) -> f64 {
        let differences: Vec<f64> = self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours - theirs).collect();
        median(&differences)
    }

    /// The median of the ratios, each of two samples that were taken one after the other.
    pub fn ratio(&self) -> f64 {
        let ratios: Vec<f64> = self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours / theirs).collect();
        median(&ratios)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.get(sorted.len() / 2), sorted.len() % 2) {
        (None, _) => f64::NAN,
        (Some(upper), 1) => *upper,
        (Some(upper), _) => (sorted[sorted.len() / 2 - 1] + upper) / 2.0,
    }
}
