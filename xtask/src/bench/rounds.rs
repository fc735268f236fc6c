//! Contenders that take turns, and how their figures spread.
//!
//! A machine is never quiet: what disturbs one round disturbs all contenders of that round alike, so they are compared
//! round by round, and what is said is the median of the ratios and their quartiles.

/// The middle of a sample and the quartiles around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// A quarter of the sample is below.
    pub(crate) low: f64,
    /// Half of the sample is below.
    pub(crate) median: f64,
    /// Three quarters of the sample are below.
    pub(crate) high: f64,
}

impl Spread {
    /// The spread of a sample; `None` of an empty one.
    pub(crate) fn of(sample: &[f64]) -> Option<Spread> {
        let mut sample = sample.to_vec();
        sample.sort_by(f64::total_cmp);
        let last = sample.len().checked_sub(1)?;
        let at = |part: f64| {
            let place = part * last as f64;
            let (below, above) = (sample[place.floor() as usize], sample[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        Some(Spread { low: at(0.25), median: at(0.5), high: at(0.75) })
    }

    /// The spread of what `one` takes for each unit that `other` takes, round by round.
    pub(crate) fn of_ratio(one: &[f64], other: &[f64]) -> Option<Spread> {
        assert_eq!(one.len(), other.len(), "both took part in every round");
        let ratios: Vec<f64> = one.iter().zip(other).map(|(one, other)| one / other).collect();
        Spread::of(&ratios)
    }
}

/// One that is measured: does its work once and says how long that took, in a unit that is the same for all.
pub(crate) type Contender<'a> = Box<dyn FnMut() -> Result<f64, String> + 'a>;

/// Lets the contenders take turns for `n_rounds` rounds, after one round that does not count; a sample for each of them.
///
/// # Errors
/// The first that a contender gives up with.
pub(crate) fn take_turns(n_rounds: usize, contenders: &mut [Contender<'_>]) -> Result<Vec<Vec<f64>>, String> {
    let mut samples = vec![Vec::with_capacity(n_rounds); contenders.len()];
    for round in 0..=n_rounds {
        for (contender, sample) in contenders.iter_mut().zip(&mut samples) {
            let figure = contender()?;
            if round > 0 {
                sample.push(figure);
            }
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn quartiles_lie_between_the_figures_they_fall_between() {
        let spread = Spread::of(&[4.0, 1.0, 2.0, 3.0]).unwrap();
        assert_eq!(spread, Spread { low: 1.75, median: 2.5, high: 3.25 });
        assert_eq!(Spread::of(&[7.0]).unwrap(), Spread { low: 7.0, median: 7.0, high: 7.0 });
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn a_ratio_compares_figures_of_the_same_round() {
        let spread = Spread::of_ratio(&[2.0, 20.0, 200.0], &[1.0, 10.0, 100.0]).unwrap();
        assert_eq!(spread, Spread { low: 2.0, median: 2.0, high: 2.0 });
    }

    #[test]
    fn contenders_take_turns_and_the_first_round_does_not_count() {
        let order = RefCell::new(String::new());
        let contender = |name: char, figure: f64| -> Contender<'_> {
            let order = &order;
            Box::new(move || {
                order.borrow_mut().push(name);
                Ok(figure)
            })
        };
        let samples = take_turns(2, &mut [contender('a', 1.0), contender('b', 2.0)]).unwrap();
        assert_eq!(*order.borrow(), "ababab");
        assert_eq!(samples, [vec![1.0, 1.0], vec![2.0, 2.0]]);
    }
}
