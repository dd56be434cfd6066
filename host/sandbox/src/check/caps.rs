//! Caps on how much of each thing a component has: what WebAssembly's own limits let through is
//! enough to keep a compiler busy for hours.

use wasmparser::{
    BinaryReaderError, ComponentInstance, FunctionBody, Instance, MemoryType, Operator, Payload,
    TableType, TypeRef,
};

use crate::check::{CheckCode, CheckError, Manifest, invalid, refused};
use crate::limits::{Limits, bytes, count, grouped};

/// Bytes of a page of memory.
const PAGE_BYTES: u64 = 64 << 10;

/// What was counted so far.
pub(super) struct Caps<'a> {
    limits: &'a Limits,
    depth: u64,
    pub(super) core_modules: u64,
    pub(super) functions: u64,
    pub(super) memory_bytes: u64,
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
    pub(super) manifest: Option<Manifest>,
    core_instances: u64,
    component_instances: u64,
    memories: u64,
    tables: u64,
    table_elements: u64,
    types: u64,
    items: u64,
}

/// Why counting stopped.
pub(super) enum Over {
    Cap { what: &'static str, has: u64, limit: &'static str, most: u64 },
    Invalid(BinaryReaderError),
}

impl From<BinaryReaderError> for Over {
    fn from(error: BinaryReaderError) -> Self {
        Self::Invalid(error)
    }
}

impl Over {
    pub(super) fn told(&self, component: &[u8]) -> CheckError {
        match self {
            Self::Invalid(error) => invalid(component, error),
            Self::Cap { what, has, limit, most } => {
                let number = if limit.ends_with("_bytes") { bytes } else { grouped };
                let (has, most) = (number(*has), number(*most));
                refused(
                    CheckCode::TooComplex,
                    format!("{what}: {has}, the limit is {most} (`{limit}`)"),
                    "this is far beyond what compilers make of a generator; build it for release, \
                     and split it if it is that large",
                )
            }
        }
    }
}

fn cap(what: &'static str, has: u64, limit: &'static str, most: u64) -> Result<(), Over> {
    if has > most { Err(Over::Cap { what, has, limit, most }) } else { Ok(()) }
}

impl<'a> Caps<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            depth: 0,
            core_modules: 0,
            functions: 0,
            memory_bytes: 0,
            imports: Vec::new(),
            exports: Vec::new(),
            manifest: None,
            core_instances: 0,
            component_instances: 0,
            memories: 0,
            tables: 0,
            table_elements: 0,
            types: 0,
            items: 0,
        }
    }

    /// Counts a section, before anything else looks at it.
    pub(super) fn payload(&mut self, payload: &Payload<'_>) -> Result<(), Over> {
        match payload {
            Payload::Version { .. } => {
                self.depth += 1;
                // The outermost component is level one.
                cap("nested components", self.depth - 1, "nesting", self.limits.nesting)
            }
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::ModuleSection { .. } => {
                self.core_modules += 1;
                let most = self.limits.core_modules;
                cap("core modules", self.core_modules, "core_modules", most)
            }
            Payload::TypeSection(section) => self.types(section.count()),
            Payload::CoreTypeSection(section) => self.types(section.count()),
            Payload::ComponentTypeSection(section) => self.types(section.count()),
            Payload::GlobalSection(section) => self.items(section.count()),
            Payload::ElementSection(section) => self.items(section.count()),
            Payload::DataSection(section) => self.items(section.count()),
            Payload::ComponentAliasSection(section) => self.items(section.count()),
            Payload::ComponentCanonicalSection(section) => self.items(section.count()),
            Payload::FunctionSection(section) => {
                self.functions += u64::from(section.count());
                cap("functions", self.functions, "functions", self.limits.functions)
            }
            Payload::CodeSectionEntry(body) => self.function(body),
            Payload::InstanceSection(_) | Payload::ComponentInstanceSection(_) => {
                self.instances(payload)
            }
            Payload::MemorySection(_) | Payload::TableSection(_) => self.memories(payload),
            Payload::ImportSection(_) | Payload::ExportSection(_) => self.core_names(payload),
            Payload::ComponentImportSection(_) | Payload::ComponentExportSection(_) => {
                self.names(payload)
            }
            _ => Ok(()),
        }
    }

    fn types(&mut self, more: u32) -> Result<(), Over> {
        self.types += u64::from(more);
        cap("types", self.types, "types", self.limits.types)
    }

    fn items(&mut self, more: u32) -> Result<(), Over> {
        self.items += u64::from(more);
        cap("imports, exports and aliases", self.items, "items", self.limits.items)
    }

    fn name(&self, name: &str) -> Result<(), Over> {
        cap("one name", count(name.len()), "name_bytes", self.limits.name_bytes)
    }

    fn instances(&mut self, payload: &Payload<'_>) -> Result<(), Over> {
        match payload {
            Payload::InstanceSection(section) => {
                self.items(section.count())?;
                for instance in section.clone() {
                    if let Instance::Instantiate { .. } = instance? {
                        self.core_instances += 1;
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                self.items(section.count())?;
                for instance in section.clone() {
                    if let ComponentInstance::Instantiate { .. } = instance? {
                        self.component_instances += 1;
                    }
                }
            }
            _ => {}
        }
        let (has, most) = (self.core_instances, self.limits.core_instances);
        cap("instances of core modules", has, "core_instances", most)?;
        let (has, most) = (self.component_instances, self.limits.component_instances);
        cap("instances of nested components", has, "component_instances", most)
    }

    fn memories(&mut self, payload: &Payload<'_>) -> Result<(), Over> {
        match payload {
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    self.memory(memory?)?;
                }
            }
            Payload::TableSection(section) => {
                for table in section.clone() {
                    self.table(table?.ty)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn memory(&mut self, memory: MemoryType) -> Result<(), Over> {
        self.memories += 1;
        self.memory_bytes =
            self.memory_bytes.saturating_add(memory.initial.saturating_mul(PAGE_BYTES));
        cap("memories", self.memories, "memories", self.limits.memories)?;
        let most = self.limits.memory_bytes;
        cap("memory to begin with", self.memory_bytes, "memory_bytes", most)
    }

    fn table(&mut self, table: TableType) -> Result<(), Over> {
        self.tables += 1;
        self.table_elements = self.table_elements.saturating_add(table.initial);
        cap("tables", self.tables, "tables", self.limits.tables)?;
        let most = self.limits.table_elements;
        cap("elements of tables to begin with", self.table_elements, "table_elements", most)
    }

    fn core_names(&mut self, payload: &Payload<'_>) -> Result<(), Over> {
        match payload {
            Payload::ImportSection(section) => {
                self.items(section.count())?;
                for import in section.clone().into_imports() {
                    let import = import?;
                    self.name(import.module)?;
                    self.name(import.name)?;
                    // A module's own imports are filled within the component: nothing new is made.
                    if let TypeRef::Func(_) = import.ty {
                        self.functions += 1;
                    }
                }
                cap("functions", self.functions, "functions", self.limits.functions)
            }
            Payload::ExportSection(section) => {
                self.items(section.count())?;
                section.clone().into_iter().try_for_each(|export| self.name(export?.name))
            }
            _ => Ok(()),
        }
    }

    fn names(&mut self, payload: &Payload<'_>) -> Result<(), Over> {
        match payload {
            Payload::ComponentImportSection(section) => {
                self.items(section.count())?;
                for import in section.clone() {
                    let name = import?.name.name;
                    self.name(name)?;
                    if self.depth == 1 {
                        self.imports.push(name.to_owned());
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                self.items(section.count())?;
                for export in section.clone() {
                    let name = export?.name.name;
                    self.name(name)?;
                    if self.depth == 1 {
                        self.exports.push(name.to_owned());
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn function(&self, body: &FunctionBody<'_>) -> Result<(), Over> {
        let limits = self.limits;
        let size = body.range().end.saturating_sub(body.range().start);
        cap("one function", size, "function_bytes", limits.function_bytes)?;
        let mut locals = 0_u64;
        for group in body.get_locals_reader()? {
            locals = locals.saturating_add(u64::from(group?.0));
        }
        cap("locals of one function", locals, "function_locals", limits.function_locals)?;
        let (mut level, mut targets) = (0_u64, 0_u64);
        for operator in body.get_operators_reader()? {
            match operator? {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    level += 1;
                    let most = limits.function_nesting;
                    cap("blocks within blocks", level, "function_nesting", most)?;
                }
                Operator::End => level = level.saturating_sub(1),
                Operator::BrTable { targets: table } => {
                    let has = u64::from(table.len());
                    let most = limits.branch_targets;
                    cap("targets of one `br_table`", has, "branch_targets", most)?;
                    targets += has;
                    let most = limits.function_branch_targets;
                    let what = "targets of all `br_table` of one function";
                    cap(what, targets, "function_branch_targets", most)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
