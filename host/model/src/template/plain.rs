//! What a template of a label or a computed value may say, found out by reading it.
//!
//! Fuel bounds the texts that a template makes, and lists only as far as they are walked through: a list
//! that is added to itself again and again, or put into itself, is as long as one likes before anybody
//! looks at it. So lists hold single values here, are not added to or repeated, and are given no name. Then
//! none is longer than the template and what fuel pays for.

use std::collections::BTreeSet;

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Filter, ForLoop, Set, Stmt};
use minijinja::machinery::parse;
use minijinja::syntax::SyntaxConfig;

/// Filters that make one value of one value.
const SINGLE: [&str; 25] = [
    "abs",
    "bool",
    "capitalize",
    "count",
    "d",
    "default",
    "e",
    "escape",
    "float",
    "format",
    "indent",
    "int",
    "join",
    "length",
    "lower",
    "replace",
    "round",
    "safe",
    "string",
    "title",
    "tojson",
    "trim",
    "upper",
    "urlencode",
    "pprint",
];
/// The one function that may be called: it walks through what it makes.
const FUNCTION: &str = "range";
/// What a loop tells of itself that is one value.
const OF_LOOP: [&str; 9] =
    ["index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0"];

/// Why a template may not be one of a label; nothing where it may. One that does not read is left to who
/// reads it.
pub(super) fn refused(template: &str) -> Option<String> {
    let Ok(Stmt::Template(read)) = parse(template, "<string>", SyntaxConfig::default()) else {
        return None;
    };
    let mut plain = Plain { lists: BTreeSet::from(["loop"]) };
    // A loop may go over what an inner or later one names: as often as names are added.
    loop {
        let known = plain.lists.len();
        if let Err(what) = plain.statements(&read.children) {
            return Some(what);
        }
        if plain.lists.len() == known {
            return None;
        }
    }
}

/// What is known while a template is read.
struct Plain<'a> {
    /// Names that may stand for more than one value.
    lists: BTreeSet<&'a str>,
}

type Read = Result<(), String>;

fn no(what: &str) -> Read {
    Err(format!("{what}; a label or a computed value is put together of single values"))
}

impl<'a> Plain<'a> {
    fn statements(&mut self, all: &[Stmt<'a>]) -> Read {
        all.iter().try_for_each(|one| self.statement(one))
    }

    fn statement(&mut self, statement: &Stmt<'a>) -> Read {
        match statement {
            Stmt::EmitRaw(_) | Stmt::Continue(_) | Stmt::Break(_) => Ok(()),
            Stmt::EmitExpr(one) => self.expression(&one.expr),
            Stmt::IfCond(one) => {
                self.expression(&one.expr)?;
                self.statements(&one.true_body)?;
                self.statements(&one.false_body)
            }
            Stmt::ForLoop(one) => self.walk(one),
            Stmt::Set(one) => self.set(one),
            Stmt::SetBlock(one) => {
                self.name(&one.target)?;
                one.filter.as_ref().map_or(Ok(()), |filter| self.single(filter, "a value"))?;
                self.statements(&one.body)
            }
            Stmt::WithBlock(one) => {
                for (target, value) in &one.assignments {
                    self.name(target)?;
                    self.single(value, "a value that is given a name")?;
                }
                self.statements(&one.body)
            }
            Stmt::FilterBlock(one) => {
                self.expression(&one.filter)?;
                self.statements(&one.body)
            }
            Stmt::AutoEscape(one) => self.statements(&one.body),
            Stmt::Template(_) => Ok(()),
            Stmt::Macro(_) | Stmt::CallBlock(_) | Stmt::Do(_) => {
                no("macros and calls are not known")
            }
            Stmt::Block(_)
            | Stmt::Import(_)
            | Stmt::FromImport(_)
            | Stmt::Extends(_)
            | Stmt::Include(_) => no("there are no other templates"),
        }
    }

    fn walk(&mut self, walk: &ForLoop<'a>) -> Read {
        if walk.recursive {
            return no("a loop cannot be recursive");
        }
        self.expression(&walk.iter)?;
        let holds_single = match &walk.iter {
            Expr::List(_) | Expr::Tuple(_) => true,
            Expr::Call(call) => matches!(&call.expr, Expr::Var(name) if name.id == FUNCTION),
            text => self.is_single(text),
        };
        if !(holds_single && matches!(walk.target, Expr::Var(_))) {
            self.names(&walk.target);
        }
        walk.filter_expr.as_ref().map_or(Ok(()), |filter| self.expression(filter))?;
        self.statements(&walk.body)?;
        self.statements(&walk.else_body)
    }

    /// Notes the names that a loop binds to what may be a list.
    fn names(&mut self, target: &Expr<'a>) {
        match target {
            Expr::Var(name) => drop(self.lists.insert(name.id)),
            Expr::List(list) => list.items.iter().for_each(|one| self.names(one)),
            Expr::Tuple(list) => list.items.iter().for_each(|one| self.names(one)),
            _ => {}
        }
    }

    fn set(&mut self, set: &Set<'a>) -> Read {
        self.name(&set.target)?;
        self.single(&set.expr, "a value that is given a name")
    }

    fn name(&self, target: &Expr<'a>) -> Read {
        if matches!(target, Expr::Var(_)) { Ok(()) } else { no("only a name can be set") }
    }

    /// An expression that must be one value.
    fn single(&self, expression: &Expr<'a>, what: &str) -> Read {
        self.expression(expression)?;
        match self.is_single(expression) {
            true => Ok(()),
            false => no(&format!("{what} must be a single one, and this may be a list")),
        }
    }

    fn expression(&self, expression: &Expr<'a>) -> Read {
        const ITEM: &str = "what a list holds";
        match expression {
            Expr::Var(_) | Expr::Const(_) => Ok(()),
            Expr::Slice(one) => {
                self.expression(&one.expr)?;
                let ends = [&one.start, &one.stop, &one.step];
                ends.into_iter().flatten().try_for_each(|end| self.expression(end))
            }
            Expr::UnaryOp(one) => self.expression(&one.expr),
            Expr::BinOp(one) => match one.op {
                BinOpKind::Add | BinOpKind::Mul => {
                    let what = "what `+` and `*` take (texts are put together with `~`)";
                    self.single(&one.left, what)?;
                    self.single(&one.right, what)
                }
                _ => {
                    self.expression(&one.left)?;
                    self.expression(&one.right)
                }
            },
            Expr::Compare(one) => {
                self.expression(&one.expr)?;
                one.ops.iter().try_for_each(|other| self.expression(&other.expr))
            }
            Expr::IfExpr(one) => {
                self.expression(&one.test_expr)?;
                self.expression(&one.true_expr)?;
                one.false_expr.as_ref().map_or(Ok(()), |one| self.expression(one))
            }
            Expr::Filter(one) => self.filter(one),
            Expr::Test(one) => {
                self.expression(&one.expr)?;
                // `is in` takes a list.
                one.args.iter().try_for_each(|one| self.expression(argument(one)))
            }
            Expr::GetAttr(one) => self.expression(&one.expr),
            Expr::GetItem(one) => {
                self.expression(&one.expr)?;
                self.expression(&one.subscript_expr)
            }
            Expr::Call(one) => {
                if !matches!(&one.expr, Expr::Var(name) if name.id == FUNCTION) {
                    return no("of functions there is `range` alone");
                }
                one.args.iter().try_for_each(|one| self.single(argument(one), "an argument"))
            }
            Expr::List(one) => one.items.iter().try_for_each(|one| self.single(one, ITEM)),
            Expr::Tuple(one) => one.items.iter().try_for_each(|one| self.single(one, ITEM)),
            Expr::Map(one) => {
                one.keys.iter().chain(&one.values).try_for_each(|one| self.single(one, ITEM))
            }
        }
    }

    fn filter(&self, filter: &Filter<'a>) -> Read {
        filter.expr.as_ref().map_or(Ok(()), |one| self.expression(one))?;
        let what = format!("an argument of the filter `{}`", filter.name);
        filter.args.iter().try_for_each(|one| self.single(argument(one), &what))
    }

    /// Whether an expression is one value for sure: all that an object has are.
    fn is_single(&self, expression: &Expr<'a>) -> bool {
        match expression {
            Expr::Var(name) => !self.lists.contains(name.id),
            Expr::Const(_) | Expr::UnaryOp(_) | Expr::Compare(_) | Expr::Test(_) => true,
            Expr::BinOp(one) => match one.op {
                BinOpKind::ScAnd | BinOpKind::ScOr => {
                    self.is_single(&one.left) && self.is_single(&one.right)
                }
                _ => true,
            },
            Expr::IfExpr(one) => {
                let other = one.false_expr.as_ref();
                self.is_single(&one.true_expr) && other.is_none_or(|one| self.is_single(one))
            }
            Expr::Filter(one) if one.name == "default" || one.name == "d" => {
                one.expr.as_ref().is_none_or(|one| self.is_single(one))
            }
            Expr::Filter(one) => SINGLE.contains(&one.name),
            Expr::Slice(one) => self.is_single(&one.expr),
            Expr::GetItem(one) => self.is_single(&one.expr) || matches!(&one.expr, Expr::List(_)),
            Expr::GetAttr(one) => match &one.expr {
                Expr::Var(name) if name.id == "loop" => OF_LOOP.contains(&one.name),
                of => self.is_single(of),
            },
            Expr::Call(_) | Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) => false,
        }
    }
}

fn argument<'e, 'a>(argument: &'e CallArg<'a>) -> &'e Expr<'a> {
    match argument {
        CallArg::Pos(one)
        | CallArg::Kwarg(_, one)
        | CallArg::PosSplat(one)
        | CallArg::KwargSplat(one) => one,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_labels_are_made_of_is_taken() {
        for template in [
            "{{ name__value }}",
            "{{site__name__value}} - {{ name__value | upper }} ({{ index__value + 1 }})",
            "{{ (name__value | split('-'))[0] }}",
            "{{ [a__value, b__value] | select | join('-') }}",
            "{% if a__value %}{{ a__value[:3] ~ '-' }}{% elif b__value is in ['x', 'y'] %}b{% else %}c{% endif %}",
            "{% for part in name__value | split('/') %}{{ loop.index * 10 }}{{ part }}{% endfor %}",
            "{% set n = index__value * 2 %}{% set n = n + 1 %}{{ '%03d' | format(n) }}",
            "{% set text %}{{ a__value }}!{% endset %}{{ text }}{% with x = a__value or 'none' %}{{ x }}{% endwith %}",
            "{% for n in range(3) %}{{ n + 1 }}{% endfor %}{% filter upper %}x{% endfilter %}",
            "{{ a__value | default('x') + 'y' }}{{ 'on' if alive__value else 'off' }}",
        ] {
            assert_eq!(refused(template), None, "{template}");
        }
    }

    #[test]
    fn what_could_make_a_list_longer_is_refused_and_told() {
        for (template, part) in [
            ("{{ [1] + [2] }}", "`+` and `*`"),
            ("{{ [0] * 99999999 }}", "`+` and `*`"),
            ("{{ range(9) * 9 }}", "`+` and `*`"),
            ("{{ (name__value | split('-')) + (name__value | list) }}", "`+` and `*`"),
            ("{{ (a__value or [1]) + 1 }}", "`+` and `*`"),
            ("{{ ([1] if a__value else 2) * 2 }}", "`+` and `*`"),
            ("{{ ([1] | default(2)) * 2 }}", "`+` and `*`"),
            ("{% set a = [1] %}", "given a name"),
            ("{% set a = range(9) %}", "given a name"),
            ("{% with a = (1, 2) %}{% endwith %}", "given a name"),
            ("{% set a | list %}x{% endset %}", "single"),
            ("{{ [[1]] }}", "what a list holds"),
            ("{{ {'a': [1]} }}", "what a list holds"),
            ("{% for x in name__value | batch(2) %}{{ [x, x] }}{% endfor %}", "what a list holds"),
            ("{% for a, b in name__value | items %}{{ (b, b) }}{% endfor %}", "what a list holds"),
            (
                "{% for x in name__value | list %}{% for y in x %}{{ [y] }}{% endfor %}{% endfor %}",
                "what a list holds",
            ),
            ("{{ [loop] }}{{ [loop.previtem] }}", "what a list holds"),
            ("{{ [1] | chain([2]) }}", "argument of the filter `chain`"),
            ("{{ range([1]) }}", "argument"),
            ("{{ namespace(a=1) }}", "`range` alone"),
            ("{{ loop.cycle(1) }}{{ dict(a=1) }}", "`range` alone"),
            ("{% set n.a = 1 %}", "only a name"),
            ("{% for x in [1] recursive %}{{ loop(x) }}{% endfor %}", "recursive"),
            ("{% macro m(a) %}{% endmacro %}", "macros"),
            ("{% do range(1) %}", "macros"),
            ("{% include 'x' %}", "other templates"),
            ("{% block x %}{% endblock %}", "other templates"),
        ] {
            let told = refused(template).unwrap_or_default();
            assert!(told.contains(part), "{template}: {told}");
        }
    }
}
