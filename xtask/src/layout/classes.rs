//! Classes read from class files and jars, and laid out below their superclasses.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::rc::Rc;

use cafebabe::attributes::{Annotation, AnnotationElementValue, AttributeData, AttributeInfo};
use cafebabe::{ClassAccessFlags, ClassFile, FieldAccessFlags, ParseOptions};
use jvm_model::Version;
use jvm_model::layout::{ClassInfo, ClassLayout, FieldInfo, FieldType, Mode, jdk_class};

/// The annotation as class files name it.
const CONTENDED: &str = "Ljdk/internal/vm/annotation/Contended;";
/// No class file is larger; more is an archive that was made to fill memory. Unit: bytes. A choice of ours.
const MAX_CLASS_BYTES: u64 = 64 << 20;

/// A class as its class file declares it.
struct Declared {
    info: ClassInfo,
    superclass: Option<String>,
    /// Java's own words for the fields' types, in class-file order.
    types: Vec<String>,
}

/// A class with its layout.
pub(super) struct Laid {
    /// Its name with dots.
    pub(super) name: String,
    /// Where everything is.
    pub(super) layout: ClassLayout,
    superclass: Option<Rc<Laid>>,
    declared: Rc<Declared>,
}

impl Laid {
    /// The class `depth` superclasses up.
    fn ancestor(&self, depth: u32) -> &Laid {
        (0..depth).fold(self, |laid, _| laid.superclass.as_deref().unwrap_or(laid))
    }

    /// Name of the class that declares an instance field, and the field's type in Java's words.
    pub(super) fn origin(&self, depth: u32, field: &str, field_type: FieldType) -> (&str, &str) {
        let laid = self.ancestor(depth);
        let fields = laid.declared.info.fields.iter().zip(&laid.declared.types);
        let type_name = fields
            .filter(|(info, _)| !info.is_static && info.name == field && info.field_type == field_type)
            .map(|(_, type_name)| type_name.as_str())
            .next();
        (&laid.name, type_name.unwrap_or("?"))
    }
}

/// All classes that are known, and the layouts that have been needed so far.
pub(super) struct ClassPath {
    mode: Mode,
    declared: HashMap<String, Rc<Declared>>,
    laid: HashMap<String, Rc<Laid>>,
}

impl ClassPath {
    pub(super) fn new(mode: Mode) -> ClassPath {
        ClassPath { mode, declared: HashMap::new(), laid: HashMap::new() }
    }

    /// Reads a file and answers the names of the classes in it, interfaces left out, in the file's order.
    pub(super) fn add(&mut self, path: &Path) -> Result<Vec<String>, String> {
        let place = path.display();
        let mut file = File::open(path).map_err(|error| format!("{place}: {error}"))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(format!("{place}: is a directory, not a class file or a jar"));
        }
        let mut magic = [0; 4];
        let n_read = file.read(&mut magic).map_err(|error| format!("{place}: {error}"))?;
        file.rewind().map_err(|error| format!("{place}: {error}"))?;
        match &magic[..n_read] {
            [0xca, 0xfe, 0xba, 0xbe] => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).map_err(|error| format!("{place}: {error}"))?;
                Ok(self.add_class(&bytes, &place.to_string())?.into_iter().collect())
            }
            [b'P', b'K', ..] | [b'J', b'M', ..] => self.add_archive(file, &place.to_string()),
            [] => Err(format!("{place}: the file is empty")),
            _ => Err(format!("{place}: neither a class file (it does not begin with CAFEBABE) nor a jar")),
        }
    }

    fn add_archive(&mut self, file: File, place: &str) -> Result<Vec<String>, String> {
        let mut archive = zip::ZipArchive::new(file).map_err(|error| format!("{place}: {error}"))?;
        let mut names = Vec::new();
        for idx in 0..archive.len() {
            let mut entry = archive.by_index(idx).map_err(|error| format!("{place}: {error}"))?;
            let entry_name = entry.name().map_err(|error| format!("{place}: {error}"))?.into_owned();
            // The variants for later releases of a multi-release jar are other classes of the same names.
            let has_extension = Path::new(&entry_name).extension().is_some_and(|extension| extension == "class");
            let is_class = has_extension && !entry_name.starts_with("META-INF/");
            if !is_class || entry_name.ends_with("module-info.class") {
                continue;
            }
            let mut bytes = Vec::new();
            let entry_place = format!("{place}!{entry_name}");
            let read = (&mut entry).take(MAX_CLASS_BYTES + 1).read_to_end(&mut bytes);
            read.map_err(|error| format!("{entry_place}: {error}"))?;
            if bytes.len() as u64 > MAX_CLASS_BYTES {
                return Err(format!("{entry_place}: larger than any class file can be"));
            }
            names.extend(self.add_class(&bytes, &entry_place)?);
        }
        if names.is_empty() {
            return Err(format!("{place}: there is no class in it"));
        }
        Ok(names)
    }

    /// Takes one class file; `None` for an interface, which has no instances.
    fn add_class(&mut self, bytes: &[u8], place: &str) -> Result<Option<String>, String> {
        check_version(bytes, self.mode.version).map_err(|error| format!("{place}: {error}"))?;
        let class = cafebabe::parse_class_with_options(bytes, ParseOptions::default().parse_bytecode(false))
            .map_err(|error| format!("{place}: {error}"))?;
        let declared = declared(&class);
        let name = declared.info.name.clone();
        let is_instantiable = !class.access_flags.intersects(ClassAccessFlags::INTERFACE | ClassAccessFlags::MODULE);
        // The first of two classes of the same name counts, as on a class path.
        self.declared.entry(name.clone()).or_insert_with(|| Rc::new(declared));
        Ok(is_instantiable.then_some(name))
    }

    /// Lays out a class, its superclasses first.
    pub(super) fn lay_out(&mut self, name: &str) -> Result<Rc<Laid>, String> {
        let mut chain = Vec::new();
        let mut next = Some(name.to_owned());
        let mut superclass = None;
        while let Some(current) = next.take() {
            if let Some(laid) = self.laid.get(&current) {
                superclass = Some(Rc::clone(laid));
                break;
            }
            if chain.iter().any(|(seen, _)| *seen == current) {
                return Err(format!("{name}: {current} is its own superclass"));
            }
            let declared = self.find(&current).ok_or_else(|| match chain.last() {
                Some((below, _)) => {
                    format!("{name}: {current}, the superclass of {below}, is not known; add its jar with --classpath")
                }
                None => format!("{name}: there is no such class in the files"),
            })?;
            next.clone_from(&declared.superclass);
            chain.push((current, declared));
        }
        for (name, declared) in chain.into_iter().rev() {
            let above = superclass.as_ref().map(|laid: &Rc<Laid>| &laid.layout);
            let layout = ClassLayout::of(&declared.info, above, &self.mode);
            let laid = Rc::new(Laid { name: name.clone(), layout, superclass: superclass.take(), declared });
            self.laid.insert(name, Rc::clone(&laid));
            superclass = Some(laid);
        }
        superclass.ok_or_else(|| format!("{name}: there is no such class"))
    }

    fn find(&self, name: &str) -> Option<Rc<Declared>> {
        if let Some(declared) = self.declared.get(name) {
            return Some(Rc::clone(declared));
        }
        let (info, superclass) = jdk_class(name, self.mode.version)?;
        let types = info.fields.iter().map(|field| java_word(field.field_type).to_owned()).collect();
        Some(Rc::new(Declared { info, superclass: superclass.map(str::to_owned), types }))
    }
}

/// What a JVM of that version says to a class file of a later one: `UnsupportedClassVersionError`.
fn check_version(bytes: &[u8], version: Version) -> Result<(), String> {
    let &[0xca, 0xfe, 0xba, 0xbe, _, _, high, low, ..] = bytes else {
        return Err("not a class file, or cut off in its first 8 bytes".to_owned());
    };
    let (major, greatest) = (u32::from(high) << 8 | u32::from(low), version.feature() + 44);
    if major > greatest {
        let hint = if Version::ALL.last() == Some(&version) { "" } else { "; a later JDK is chosen with --jdk" };
        return Err(format!(
            "at offset 6: compiled for Java {} (class file version {major}), JDK {version} reads up to {greatest}{hint}",
            major - 44
        ));
    }
    Ok(())
}

fn declared(class: &ClassFile<'_>) -> Declared {
    let name = class.this_class.replace('/', ".");
    let (mut fields, mut types) = (Vec::new(), Vec::new());
    for field in &class.fields {
        let descriptor = &field.descriptor;
        fields.push(FieldInfo {
            name: field.name.to_string(),
            field_type: FieldType::from_descriptor(&descriptor.to_string()).unwrap_or(FieldType::Reference),
            is_static: field.access_flags.contains(FieldAccessFlags::STATIC),
            contended: contended(&field.attributes),
        });
        types.push(type_name(&descriptor.to_string()));
    }
    let is_contended = contended(&class.attributes).is_some();
    let is_privileged = ["java.", "jdk.internal.", "sun."].iter().any(|package| name.starts_with(package));
    let info = ClassInfo { name, is_contended, is_privileged, fields };
    Declared { info, superclass: class.super_class.as_ref().map(|name| name.replace('/', ".")), types }
}

/// The group that `@Contended` names, if it is there.
fn contended(attributes: &[AttributeInfo<'_>]) -> Option<String> {
    let annotations = attributes.iter().filter_map(|attribute| match &attribute.data {
        AttributeData::RuntimeVisibleAnnotations(annotations) => Some(annotations),
        _ => None,
    });
    let is_contended = |annotation: &&Annotation<'_>| annotation.type_descriptor.to_string() == CONTENDED;
    let annotation = annotations.flatten().find(is_contended)?;
    let group = annotation.elements.iter().find(|element| element.name == "value").map(|element| &element.value);
    match group {
        Some(AnnotationElementValue::StringConstant(group)) => Some(group.to_string()),
        _ => Some(String::new()),
    }
}

/// `[Ljava/lang/String;` as Java writes it: `java.lang.String[]`.
fn type_name(descriptor: &str) -> String {
    let element = descriptor.trim_start_matches('[');
    let n_dimensions = descriptor.len() - element.len();
    let word = match element.strip_prefix('L') {
        Some(class) => class.trim_end_matches(';').replace('/', "."),
        None => FieldType::from_descriptor(element).map_or("?", java_word).to_owned(),
    };
    word + &"[]".repeat(n_dimensions)
}

fn java_word(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Boolean => "boolean",
        FieldType::Byte => "byte",
        FieldType::Char => "char",
        FieldType::Short => "short",
        FieldType::Int => "int",
        FieldType::Float => "float",
        FieldType::Long => "long",
        FieldType::Double => "double",
        FieldType::Reference => "java.lang.Object",
    }
}
