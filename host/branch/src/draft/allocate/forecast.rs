//! After how many more of the same a pool is full: drawn for real in a draft that nobody commits.

use model::ObjectId;

use crate::draft::Draft;
use crate::draft::allocate::{IdentifiedBy, PoolRequest, Want, refused};
use crate::error::BranchError;
use crate::object::Object;

pub use crate::limits::FORECAST_MAX;

/// How long a pool lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// What one more takes, in words.
    pub each: Vec<String>,
    /// How many more there is room for.
    pub room: u32,
    /// There is room for more: so many were tried.
    pub at_least: bool,
    /// Why the next one gets nothing.
    pub stops: Option<String>,
}

impl Draft {
    /// What the instance of a generator holds of a pool, as requests: what one more such instance takes.
    pub fn pattern_of(
        &self,
        pool: &Object,
        instance: ObjectId,
    ) -> Result<Vec<PoolRequest>, BranchError> {
        let begins = format!("{instance}:");
        let names = super::scope_of(pool);
        let mut pattern = Vec::new();
        for desk in self.view.desks(pool)? {
            for (identifier, kept) in self.view.named_from(desk.id, &begins)? {
                // Those that follow in a row are asked for with the first.
                let follows = identifier.ends_with(']') && kept.count == 1;
                let want = kept.asked.as_deref().and_then(Want::read);
                let (Some(want), false, None) = (want, follows, &kept.gone) else { continue };
                let scope = names.iter().cloned().zip(desk.division.iter().cloned()).collect();
                let id = IdentifiedBy::Nothing;
                pattern.push(PoolRequest {
                    scope,
                    ..PoolRequest::new(pool.id().to_string(), id, want)
                });
            }
        }
        Ok(pattern)
    }

    /// Draws the same again and again until the pool has no more. The draft is as it was.
    pub fn forecast(&mut self, pattern: &[PoolRequest]) -> Result<Forecast, BranchError> {
        if pattern.is_empty() {
            let message = "nothing is drawn from the pool each time; there is no end to foresee";
            return Err(refused("nothing-drawn", message.to_owned()));
        }
        let each = pattern.iter().map(|request| request.want.text().trim().to_owned()).collect();
        let mut forecast = Forecast { each, room: 0, at_least: false, stops: None };
        let attempt = self.begin();
        let mut draws = 0u32;
        let ended = 'more: loop {
            for request in pattern {
                draws += 1;
                if draws > FORECAST_MAX {
                    forecast.at_least = true;
                    break 'more Ok(());
                }
                let identifier = IdentifiedBy::Identifier(format!("forecast {draws}"));
                // Set aside: the space is taken, and no object is made.
                let one = PoolRequest { identifier, set_aside: true, ..request.clone() };
                match self.allocate(&one) {
                    Ok(_) => {}
                    Err(refused @ BranchError::Violation(_)) => {
                        forecast.stops = Some(refused.to_string());
                        break 'more Ok(());
                    }
                    Err(failed) => break 'more Err(failed),
                }
            }
            forecast.room += 1;
        };
        self.end(attempt, crate::draft::Succeeded::No);
        ended.map(|()| forecast)
    }
}
