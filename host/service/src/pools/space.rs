//! The space of pools: drawn as cells, how long it lasts, and which pools are nearly full.

use branch::PoolRequest;
use model::ObjectId;
use serde_json::{Value as Json, json};

use super::{Drawing, requests};
use crate::{Service, ServiceError};

impl Service {
    /// The resources of a pool as rows of at most `cells` cells, each with what of it is taken.
    pub fn pool_picture(&self, name: &str, cells: u32) -> Result<Json, ServiceError> {
        let mut draft = self.draft()?;
        let pool = draft.find_pool(name)?;
        let pictures = draft.pool_picture(&pool, u128::from(cells))?;
        let rows: Vec<Json> = pictures
            .iter()
            .map(|picture| {
                let cell = |cell: &branch::Cell| {
                    json!({
                        "first": cell.first, "last": cell.last, "used": cell.used.to_string(),
                        "total": cell.total.to_string(),
                        "utilization": super::share(cell.used, cell.total),
                    })
                };
                json!({
                    "resource": picture.label, "scope": super::scope_json(&picture.scope),
                    "cells": picture.cells.iter().map(cell).collect::<Vec<_>>(),
                })
            })
            .collect();
        Ok(json!({"pool": pool.value("name").to_json(), "rows": rows}))
    }

    /// After how many more instances of a generator a pool is full; each takes what the instance takes
    /// that holds most now. Without a generator: after how many more draws. Nothing is kept.
    pub fn pool_forecast(
        &self,
        name: &str,
        definition: Option<&str>,
        drawing: &Drawing,
    ) -> Result<Json, ServiceError> {
        let mut draft = self.draft()?;
        let pool = draft.find_pool(name)?;
        let (pattern, like) = match definition {
            None => (requests(&pool, drawing)?, None),
            Some(definition) => self.greatest(&draft, &pool, definition)?,
        };
        let forecast = draft.forecast(&pattern)?;
        Ok(json!({
            "pool": pool.value("name").to_json(), "definition": definition,
            "like": like.map(|id: ObjectId| id.to_string()), "each": forecast.each,
            "room": forecast.room, "at_least": forecast.at_least, "stops": forecast.stops,
        }))
    }

    /// What the instance of a definition that holds most of a pool holds of it.
    fn greatest(
        &self,
        draft: &branch::Draft,
        pool: &branch::Object,
        definition: &str,
    ) -> Result<(Vec<PoolRequest>, Option<ObjectId>), ServiceError> {
        let object = crate::objects::find(draft.view(), "CoreGeneratorDefinition", definition)?;
        let mut greatest = (Vec::new(), None);
        for instance in self.instances()? {
            if instance.definition != Some(object.id()) {
                continue;
            }
            let pattern = draft.pattern_of(pool, instance.id)?;
            if pattern.len() > greatest.0.len() {
                greatest = (pattern, Some(instance.id));
            }
        }
        if greatest.0.is_empty() {
            return Err(ServiceError::Request {
                code: "nothing-drawn",
                message: format!(
                    "no instance of `{definition}` holds anything of the pool; run it for one target \
                     first, or ask for the forecast of a plain draw"
                ),
            });
        }
        Ok(greatest)
    }

    /// Pools that crossed their mark, oldest first.
    pub fn pool_alerts(&self) -> Result<Json, ServiceError> {
        let alerts = self.view()?.pool_alerts()?;
        let alerts: Vec<Json> = alerts
            .iter()
            .map(|alert| {
                json!({
                    "pool": ObjectId(alert.pool).to_string(), "name": alert.name,
                    "scope": super::scope_json(&alert.scope),
                    "event": if alert.is_full { "pool-nearly-full" } else { "pool-has-room" },
                    "used": alert.used.to_string(), "total": alert.total.to_string(),
                    "alert_at": alert.alert_at, "at": model::Timestamp(alert.at).to_string(),
                })
            })
            .collect();
        Ok(json!({"alerts": alerts}))
    }
}
