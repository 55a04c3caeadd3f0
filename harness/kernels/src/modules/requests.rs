//! What modules ask for by name at run time, and what hides behind those names: `module-requests.toml`, compiled in.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::normal;

const SOURCE: &str = include_str!("../../module-requests.toml");

static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(SOURCE).expect("module-requests.toml is compiled in and read by a unit test"));

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    request: Vec<Request>,
    alias: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    module: String,
    wants: Vec<String>,
    #[serde(rename = "reason")]
    _reason: String,
}

/// What a module asks for while it loads or works.
pub(super) fn of(module: &str) -> impl Iterator<Item = &'static str> {
    let module = normal(module);
    TABLE.request.iter().filter(move |r| normal(&r.module) == module).flat_map(|r| r.wants.iter().map(String::as_str))
}

/// The modules that may stand behind a name that is no module's own.
pub(super) fn behind(name: &str) -> &'static [String] {
    TABLE.alias.get(name).map_or(&[], Vec::as_slice)
}
