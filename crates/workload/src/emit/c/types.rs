//! Types: what a type of the language is called in C, and the structures and functions of containers.

use memory_trait::FunctionId;

use super::Emitter;
use super::support::Container;
use crate::types::Type;

impl Emitter<'_> {
    /// A type as part of a name: `list_Node`.
    pub(super) fn type_id(&self, ty: &Type) -> String {
        match ty.without_null() {
            Type::Int => "int".to_owned(),
            Type::Float => "float".to_owned(),
            Type::Bool => "bool".to_owned(),
            Type::Str => "str".to_owned(),
            Type::Bytes => "bytes".to_owned(),
            Type::Record(record) => self.names.record(*record).to_owned(),
            Type::Array(element) => format!("array_{}", self.type_id(element)),
            Type::List(element) => format!("list_{}", self.type_id(element)),
            Type::Map(key, value) => format!("map_{}_{}", self.type_id(key), self.type_id(value)),
            Type::Weak(_) => "weak".to_owned(),
            Type::Thread => "thread".to_owned(),
            other => panic!("{other:?} is no type of values"),
        }
    }

    /// A type with the name that has it: `Node *head`.
    pub(super) fn declaration(&self, ty: &Type, name: &str) -> String {
        match ty.without_null() {
            Type::Int | Type::Thread => format!("int64_t {name}"),
            Type::Float => format!("double {name}"),
            Type::Bool => format!("bool {name}"),
            Type::Str => format!("char *{name}"),
            Type::Nothing => format!("void {name}"),
            Type::Null => format!("void *{name}"),
            reference => format!("{} *{name}", self.type_id(reference)),
        }
    }

    /// All types of values in the workload, those inside others first; a type and its `?` are one type here.
    fn value_types(&self) -> Vec<Type> {
        fn add(ty: &Type, known: &mut Vec<Type>) {
            let ty = ty.without_null();
            if let Type::Array(element) | Type::List(element) | Type::Map(_, element) = ty {
                add(element, known);
            }
            if !known.contains(ty) {
                known.push(ty.clone());
            }
        }
        let mut known = Vec::new();
        let fields = self.checked.records.iter().flat_map(|record| &record.fields).map(|(_, ty)| ty);
        let locals = self.checked.functions.iter().flat_map(|info| &info.locals).map(|local| &local.ty);
        fields.chain(locals).chain(&self.checked.types).for_each(|ty| add(ty, &mut known));
        known
    }

    /// The containers among them, each once by its name.
    fn containers(&self) -> Vec<Type> {
        let mut containers = self.value_types();
        let mut names = std::collections::BTreeSet::new();
        containers.retain(|ty| {
            matches!(ty, Type::Array(_) | Type::List(_) | Type::Map(..)) && names.insert(self.type_id(ty))
        });
        containers
    }

    /// The structures.
    pub(super) fn types(&mut self) {
        let containers = self.containers();
        let all = self.value_types();
        let has_weak = all.iter().any(|ty| matches!(ty, Type::Weak(_)));
        let mut names: Vec<String> = self
            .checked
            .records
            .iter()
            .enumerate()
            .map(|(index, _)| self.names.record(memory_trait::RecordId(index as u32)).to_owned())
            .chain(containers.iter().map(|ty| self.type_id(ty)))
            .collect();
        if all.contains(&Type::Bytes) {
            names.push("bytes".to_owned());
        }
        if has_weak {
            names.push("weak".to_owned());
        }
        if names.is_empty() {
            return;
        }
        self.out.gap();
        for name in &names {
            self.out.line(format!("typedef struct {name} {name};"));
        }
        for (index, record) in self.checked.records.iter().enumerate() {
            let name = self.names.record(memory_trait::RecordId(index as u32)).to_owned();
            let fields: Vec<String> =
                record.fields.iter().map(|(name, ty)| self.declaration(ty, &Self::field(name))).collect();
            self.structure(&name, &fields);
        }
        for ty in &containers {
            let fields = match ty {
                Type::Array(element) => vec!["size_t n".to_owned(), self.declaration(element, "data[]")],
                Type::List(element) => vec![self.declaration(element, "*data"), "size_t len, cap".to_owned()],
                Type::Map(key, value) => {
                    let (key, value) = (self.declaration(key, "key"), self.declaration(value, "value"));
                    let entry = format!("struct {{ size_t hash; {key}; {value}; }} *entries");
                    // The index has 1 + the number of an entry, or 0; an entry that was removed has the hash 0.
                    vec![entry, "size_t *index".to_owned(), "size_t len, used, cap".to_owned()]
                }
                other => panic!("{other:?} is no container"),
            };
            self.structure(&self.type_id(ty), &fields);
        }
        if all.contains(&Type::Bytes) {
            self.structure("bytes", &["size_t n".to_owned(), "unsigned char data[]".to_owned()]);
        }
        if has_weak {
            self.structure("weak", &["void *target".to_owned()]);
        }
    }

    fn structure(&mut self, name: &str, fields: &[String]) {
        self.out.gap();
        self.out.open(format!("struct {name} {{"));
        for field in fields {
            self.out.line(format!("{field};"));
        }
        self.out.close("};");
    }

    /// The name of a field: only a keyword is in its way.
    pub(super) fn field(name: &str) -> String {
        const KEYWORDS: &str = "auto bool break case char const continue default do double else enum extern false float \
            for goto if inline int long register restrict return short signed sizeof static struct switch true typedef \
            union unsigned void volatile while linux unix assert stdin stdout stderr errno";
        let is_taken = KEYWORDS.split_whitespace().any(|keyword| keyword == name);
        if is_taken { format!("{name}_") } else { name.to_owned() }
    }

    /// The name of a function of a container: `list_Node_push`.
    pub(super) fn function_of(&mut self, ty: &Type, function: &str) -> String {
        let container = Container::new(ty, self.type_id(ty));
        self.support.need_of(&container, function);
        format!("{}_{function}", container.name)
    }

    /// The functions of containers that are needed.
    pub(super) fn container_functions(&mut self) {
        for ty in self.containers() {
            let (element, key) = match &ty {
                Type::Array(element) | Type::List(element) => (self.declaration(element, ""), String::new()),
                Type::Map(key, value) => (self.declaration(value, ""), self.declaration(key, "")),
                other => panic!("{other:?} is no container"),
            };
            for function in self.support.functions_of(&Container::new(&ty, self.type_id(&ty)), &element, &key) {
                self.out.gap();
                self.out.lines(&function);
            }
        }
    }

    /// A function that runs as a thread, and how it is started.
    pub(super) fn thread_body(&mut self, id: FunctionId) {
        let info = &self.checked.functions[id.index()];
        let name = self.names.function(id.index()).to_owned();
        let parameters: Vec<(String, String)> = (0..info.n_parameters)
            .map(|local| {
                let name = self.names.local(id.index(), local).to_owned();
                (self.declaration(&info.locals[local].ty, &name), name)
            })
            .collect();
        let (declared, given): (Vec<String>, Vec<String>) = parameters.into_iter().unzip();
        let mut fields = vec!["int64_t thread".to_owned()];
        fields.extend(declared.iter().cloned());
        self.out.gap();
        self.out.open("static struct {");
        for field in &fields {
            self.out.line(format!("{field};"));
        }
        self.out.close(format!("}} {name}_start;"));
        self.out.gap();
        self.out.open(format!("static void *{name}_thread(void *unused) {{"));
        self.out.line("(void)unused;");
        self.out.line(format!("int64_t thread = {name}_start.thread;"));
        for (declared, given) in declared.iter().zip(&given) {
            self.out.line(format!("{declared} = {name}_start.{given};"));
        }
        self.out.line("uint64_t ticket = draw_ticket();");
        self.out.line("sem_post(&started);");
        self.out.line("wait_turn(ticket);");
        self.out.line(format!("{name}({});", given.join(", ")));
        self.out.line("threads[thread].has_ended = true;");
        self.out.line("give_turn();");
        self.out.line("return NULL;");
        self.out.close("}");
        self.out.gap();
        let declared = if declared.is_empty() { "void".to_owned() } else { declared.join(", ") };
        self.out.open(format!("static int64_t {name}_spawn({declared}) {{"));
        self.out.line(format!("{name}_start.thread = n_threads;"));
        for given in &given {
            self.out.line(format!("{name}_start.{given} = {given};"));
        }
        self.out.line(format!("return spawn({name}_thread);"));
        self.out.close("}");
    }
}
