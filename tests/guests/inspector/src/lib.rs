//! A check that finds things by their colour: red is an error, yellow a warning, green for information;
//! black makes it panic, grey spin, white fail, and blue ask for more.

use kiln::check::{Finding, Inspection};
use kiln::prelude::*;

/// The answer of the check's query.
#[derive(Deserialize)]
pub struct Input {
    #[serde(rename = "TestThing")]
    things: Edges<Thing>,
}

#[derive(Deserialize)]
struct Thing {
    id: String,
    name: Value<String>,
    color: Value<Option<String>>,
}

/// Looks at every thing.
pub fn check(inspection: &Inspection, input: Input) -> Result<()> {
    for thing in input.things.iter() {
        let Some(color) = thing.color.as_deref() else { continue };
        let text = format!("{} is {color}", thing.name);
        let found = match color {
            "red" => Finding::error(text),
            "yellow" => Finding::warning(text),
            "green" => Finding::info(text),
            "black" => panic!("{text}"),
            "white" => bail!("{text}"),
            "blue" => {
                let asked = "query { TestThing { count } }";
                let answer: serde_json::Value = inspection.query(asked, &serde_json::json!({}))?;
                Finding::info(format!("{} things", answer["TestThing"]["count"]))
            }
            "grey" => {
                let mut number = 0u64;
                loop {
                    number = std::hint::black_box(number.wrapping_add(1));
                }
            }
            _ => continue,
        };
        inspection.report(found.at("color").about(&thing.id));
    }
    Ok(())
}

kiln::check!(check);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_red_is_an_error() {
        let thing = |id: &str, color: &str| {
            serde_json::json!({"node": {
                "id": id, "name": {"value": id}, "color": {"value": color},
            }})
        };
        let answer =
            serde_json::json!({"TestThing": {"edges": [thing("a", "red"), thing("b", "pink")]}});
        let found = kiln::test::inspect(check, answer).unwrap();
        assert_eq!(found, [Finding::error("a is red").at("color").about("a")]);
    }
}
