//! Containers in numbers: one after the other, and many at once, with what they leave behind counted.

use alloc::vec::Vec;

use super::limits::Limits;
use super::promises;
use super::stage::{Container, Spec, Stage};
use super::whole::whole;
use crate::test_api::{Check, Ctx};
use crate::tests::census::Census;

/// Whole containers one after the other. One goes before the count: it warms what the kernel keeps.
pub(crate) fn one_after_another(ctx: &Ctx) -> Check {
    let stage = Stage::set()?;
    let limits = Limits::mount()?;
    let before = Census::warm(|| whole(&limits, &Spec::new(0, limits.held())))?;
    for number in 1..=ctx.param("iterations") {
        whole(&limits, &Spec::new(number as u32, limits.held()))?;
    }
    stage.is_unharmed()?;
    before.is_kept()?;
    before.tell();
    Ok(())
}

/// Containers side by side: each keeps its promises while the others live.
pub(crate) fn at_once(ctx: &Ctx) -> Check {
    let stage = Stage::set()?;
    let limits = Limits::mount()?;
    let before = Census::warm(|| whole(&limits, &Spec::new(0, limits.held())))?;
    let specs: Vec<Spec> = (1..=ctx.param("workers")).map(|n| Spec::new(n as u32, limits.held())).collect();
    let mut containers = Vec::new();
    for spec in &specs {
        let group = limits.group(&spec.host_name())?;
        containers.push(Container::start(spec, Some(group), |engine| {
            engine.hear()?;
            promises::all_and_stay(spec, engine)
        })?);
    }
    for container in &containers {
        container.init.say("all are there");
    }
    for (container, spec) in containers.iter().zip(&specs) {
        container.init.hear()?;
        let name = container.received()?;
        ensure!(name == spec.host_name(), "over the wire of {} came `{name}`", spec.host_name());
    }
    for container in containers {
        container.kill()?;
    }
    stage.is_unharmed()?;
    before.is_kept()
}
