//! `streaming_algorithms.matrix`: counters in rows and columns, whole numbers that stop at 32 bits or single-precision
//! numbers that are none until they are set; and which rows go together.

use std::{
    cell::Cell,
    ffi::{CStr, c_int},
    io::Write as _,
};

use bytemuck::{Pod, Zeroable};

use super::{check, check_count, open_library, raise_invalid, running_stats::Stats, serialize};
use crate::{
    modules::object::{Class, Object, fill},
    sandbox::{Kind, NativeModule, native::UserdataFns},
    vm::{ENVIRONMENT, HostFn, Lua, host_call},
};

/// The module.
pub const MODULE: NativeModule = NativeModule {
    name: "streaming_algorithms.matrix",
    open,
    io_only: false,
    version: "0.0.12",
    kind: Kind::BuiltIn,
};

/// Field of the constructor's environment: the environment of matrices of floats.
const FLOATS: &CStr = c"floats";

/// In front of the cells; the whole block is the object's dump.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Head {
    rows: i32,
    columns: i32,
}

/// A kind of cell.
trait Value: Pod {
    const CLASS: Class;
    /// What a fresh cell holds.
    const EMPTY: Self;
    /// The result that scripts see as nil, because production returns it for cells that do not exist.
    const NONE: Self;
    /// What stands behind the sizes in the constructor of a state file.
    const ARGUMENT: &'static str;

    /// The value at argument 4.
    fn check(lua: Lua<'_>) -> Self;
    fn plus(self, other: Self) -> Self;
    fn number(self) -> f64;
    /// Whether it counts in sums and is added by `merge`.
    fn is_set(self) -> bool;
    fn is(self, other: Self) -> bool;
}

impl Value for i32 {
    const CLASS: Class = Class { name: c"trink.streaming_algorithms.matrix_int" };
    const EMPTY: i32 = 0;
    const NONE: i32 = i32::MIN;
    const ARGUMENT: &'static str = "";

    fn check(lua: Lua<'_>) -> i32 {
        lua.check_int(4)
    }

    fn plus(self, other: i32) -> i32 {
        self.saturating_add(other)
    }

    fn number(self) -> f64 {
        self.into()
    }

    fn is_set(self) -> bool {
        true
    }

    fn is(self, other: i32) -> bool {
        self == other
    }
}

impl Value for f32 {
    const CLASS: Class = Class { name: c"trink.streaming_algorithms.matrix_flt" };
    const EMPTY: f32 = f32::NAN;
    const NONE: f32 = f32::MIN_POSITIVE;
    const ARGUMENT: &'static str = ", \"float\"";

    fn check(lua: Lua<'_>) -> f32 {
        lua.check_number(4) as f32
    }

    fn plus(self, other: f32) -> f32 {
        if self.is_nan() { other } else { self + other }
    }

    fn number(self) -> f64 {
        self.into()
    }

    fn is_set(self) -> bool {
        !self.is_nan()
    }

    #[allow(clippy::float_cmp)]
    fn is(self, other: f32) -> bool {
        self == other
    }
}

#[derive(Clone, Copy)]
struct Matrix<'l, V: Value> {
    object: Object<'l, Head>,
    cells: &'l [Cell<V>],
    rows: c_int,
    columns: c_int,
}

impl<'l, V: Value> Matrix<'l, V> {
    fn new(object: Object<'l, Head>) -> Matrix<'l, V> {
        let Head { rows, columns } = object.head().get();
        Matrix { object, cells: object.cells(), rows, columns }
    }

    /// The matrix at argument `n`.
    fn check(lua: Lua<'l>, n: c_int) -> Matrix<'l, V> {
        Matrix::new(Object::check(lua, n, &V::CLASS))
    }

    /// The matrix a method is called on, with exactly `count` arguments.
    fn check_count(lua: Lua<'l>, count: c_int) -> Matrix<'l, V> {
        Matrix::new(check(lua, &V::CLASS, count))
    }

    fn row(self, row: usize) -> &'l [Cell<V>] {
        let columns = self.columns as usize;
        &self.cells[row * columns..][..columns]
    }

    /// The row at argument 2, from 0.
    fn check_row(self, lua: Lua<'_>) -> usize {
        let row = lua.check_int(2);
        if row <= 0 || row > self.rows {
            lua.arg_error(2, c"invalid row");
        }
        row as usize - 1
    }

    /// The cell at arguments 2 and 3.
    fn check_cell(self, lua: Lua<'_>) -> &'l Cell<V> {
        let row = self.check_row(lua);
        let column = lua.check_int(3);
        if column <= 0 || column > self.columns {
            lua.arg_error(3, c"invalid col");
        }
        &self.row(row)[column as usize - 1]
    }

    /// Counts work on all cells, before it is done.
    fn spend_all(self, lua: Lua<'_>) {
        lua.spend(self.cells.len() as u64 / 4);
    }

    fn clear(self, lua: Lua<'_>) {
        self.spend_all(lua);
        self.cells.iter().for_each(|it| it.set(V::EMPTY));
    }

    fn stats(self, row: usize) -> Stats {
        let mut res = Stats::NONE;
        for cell in self.row(row) {
            // A float that is none counts as zero.
            res.add(if cell.get().is_set() { cell.get().number() } else { 0.0 });
        }
        res
    }

    /// Pearson's correlation of two rows; nothing correlates with a constant.
    #[allow(clippy::float_cmp)]
    fn correlation(self, (a, stats_a): (usize, Stats), (b, stats_b): (usize, Stats)) -> f64 {
        let (deviation_a, deviation_b) = (stats_a.uncorrected_deviation(), stats_b.uncorrected_deviation());
        if deviation_a == 0.0 || deviation_b == 0.0 {
            return f64::NEG_INFINITY;
        }
        let mut sum = 0.0;
        for (a, b) in self.row(a).iter().zip(self.row(b)) {
            let product = a.get().number() * b.get().number();
            if !product.is_nan() {
                sum += product;
            }
        }
        let columns = f64::from(self.columns);
        (sum - columns * stats_a.mean * stats_b.mean) / (columns * deviation_a * deviation_b)
    }
}

fn push<V: Value>(lua: Lua<'_>, value: V) -> c_int {
    if value.is(V::NONE) {
        lua.push_nil();
    } else {
        lua.push_number(value.number());
    }
    1
}

fn add<V: Value>(lua: Lua<'_>) -> c_int {
    let cell = Matrix::<V>::check_count(lua, 4).check_cell(lua);
    cell.set(cell.get().plus(V::check(lua)));
    push(lua, cell.get())
}

fn set<V: Value>(lua: Lua<'_>) -> c_int {
    let cell = Matrix::<V>::check_count(lua, 4).check_cell(lua);
    cell.set(V::check(lua));
    push(lua, cell.get())
}

fn get<V: Value>(lua: Lua<'_>) -> c_int {
    push(lua, Matrix::<V>::check_count(lua, 3).check_cell(lua).get())
}

fn get_configuration<V: Value>(lua: Lua<'_>) -> c_int {
    let matrix = Matrix::<V>::check_count(lua, 1);
    lua.push_number(matrix.rows.into());
    lua.push_number(matrix.columns.into());
    2
}

fn clear_row<V: Value>(lua: Lua<'_>) -> c_int {
    let matrix = Matrix::<V>::check_count(lua, 2);
    let row = matrix.check_row(lua);
    lua.spend(matrix.columns as u64 / 4);
    matrix.row(row).iter().for_each(|it| it.set(V::EMPTY));
    0
}

fn get_row<V: Value>(lua: Lua<'_>) -> c_int {
    let matrix = Matrix::<V>::check_count(lua, 2);
    let row = matrix.check_row(lua);
    lua.spend(matrix.columns as u64);
    lua.new_table(matrix.columns, 0);
    for (n, cell) in (1..).zip(matrix.row(row)) {
        lua.push_number(cell.get().number());
        lua.raw_set_i(-2, n);
    }
    1
}

fn sum<V: Value>(lua: Lua<'_>) -> c_int {
    check_count(lua, 2..=3);
    let matrix = Matrix::<V>::check(lua, 1);
    let row = matrix.check_row(lua);
    lua.spend(matrix.columns as u64);
    let values = matrix.row(row).iter().map(Cell::get).filter(|it| it.is_set());
    lua.push_number(values.fold(0.0, |sum, it| sum + it.number()));
    1
}

fn merge<V: Value>(lua: Lua<'_>) -> c_int {
    check_count(lua, 2..=3);
    let into = Matrix::<V>::check(lua, 1);
    let from = Matrix::<V>::check(lua, 2);
    let is_add = lua.check_option(3, Some(c"add"), &[c"add", c"set"]) == 0;
    from.spend_all(lua);
    for row in 0..into.rows.min(from.rows) as usize {
        for (to, value) in into.row(row).iter().zip(from.row(row)) {
            let value = value.get();
            if !is_add {
                to.set(value);
            } else if value.is_set() {
                to.set(to.get().plus(value));
            }
        }
    }
    0
}

fn pcc<V: Value>(lua: Lua<'_>) -> c_int {
    let matrix = Matrix::<V>::check(lua, 1);
    let row = matrix.check_row(lua);
    let is_min = lua.check_option(3, Some(c"max"), &[c"max", c"min"]) == 1;
    lua.spend(matrix.cells.len() as u64 * 4);
    let own = (row, matrix.stats(row));
    let mut best = (if is_min { f64::INFINITY } else { f64::NEG_INFINITY }, 0);
    for other in (0..matrix.rows as usize).filter(|&it| it != row) {
        let correlation = matrix.correlation(own, (other, matrix.stats(other)));
        if if is_min { correlation < best.0 } else { correlation > best.0 } {
            best = (correlation, other + 1);
        }
    }
    if !best.0.is_finite() {
        return 0;
    }
    lua.push_number(best.0);
    lua.push_number(best.1 as f64);
    2
}

fn to_string<V: Value>(lua: Lua<'_>) -> c_int {
    let matrix = Matrix::<V>::check_count(lua, 1);
    matrix.spend_all(lua);
    lua.push_cells(matrix.object.bytes());
    1
}

fn fromstring<V: Value>(lua: Lua<'_>) -> c_int {
    let matrix = Matrix::<V>::check_count(lua, 2);
    let bytes = lua.check_bytes(2);
    let sizes = size_of::<Head>();
    let block = matrix.object.bytes();
    let is_state =
        bytes.len() == block.len() && block[..sizes].iter().map(Cell::get).eq(bytes[..sizes].iter().copied());
    if !is_state {
        matrix.clear(lua);
        raise_invalid(lua);
    }
    matrix.spend_all(lua);
    fill(block, bytes);
    0
}

fn serialize_matrix<V: Value>(lua: Lua<'_>) -> c_int {
    let Some(object) = Object::<Head>::of_protocol(lua, -3) else { return 1 };
    let Head { rows, columns } = object.head().get();
    let constructor = |out: &mut Vec<u8>| {
        let _ = write!(out, "matrix.new({rows}, {columns}{})", V::ARGUMENT);
    };
    serialize(lua, constructor, object.bytes())
}

/// The functions of one kind of matrix: Lua's functions have no types, so each is there twice.
macro_rules! kind {
    ($module:ident, $value:ty) => {
        mod $module {
            use super::{HostFn, host_call};

            host_call! { fn add(lua) { super::add::<$value>(lua) } }
            host_call! { fn clear_row(lua) { super::clear_row::<$value>(lua) } }
            host_call! { fn fromstring(lua) { super::fromstring::<$value>(lua) } }
            host_call! { fn get(lua) { super::get::<$value>(lua) } }
            host_call! { fn get_configuration(lua) { super::get_configuration::<$value>(lua) } }
            host_call! { fn get_row(lua) { super::get_row::<$value>(lua) } }
            host_call! { fn merge(lua) { super::merge::<$value>(lua) } }
            host_call! { fn pcc(lua) { super::pcc::<$value>(lua) } }
            host_call! { fn set(lua) { super::set::<$value>(lua) } }
            host_call! { fn sum(lua) { super::sum::<$value>(lua) } }
            host_call! { fn to_string(lua) { super::to_string::<$value>(lua) } }
            host_call! { pub fn serialize(lua) { super::serialize_matrix::<$value>(lua) } }

            pub const METHODS: &[(&std::ffi::CStr, HostFn)] = &[
                (c"__tostring", to_string),
                (c"add", add),
                (c"clear_row", clear_row),
                (c"fromstring", fromstring),
                (c"get", get),
                (c"get_configuration", get_configuration),
                (c"get_row", get_row),
                (c"merge", merge),
                (c"pcc", pcc),
                (c"set", set),
                (c"sum", sum),
            ];
        }
    };
}

kind!(int, i32);
kind!(float, f32);

host_call! {
    /// Leaves the module's table on the stack.
    fn open(lua) {
        let protocol = |serialize| UserdataFns { serialize: Some(serialize), ..UserdataFns::default() };
        i32::CLASS.define(lua, protocol(int::serialize), int::METHODS);
        lua.push_value(ENVIRONMENT);
        f32::CLASS.define(lua, protocol(float::serialize), float::METHODS);
        lua.pop(1);
        // One constructor makes both kinds: it has the environment of the one, and the other's in it.
        lua.push_value(ENVIRONMENT);
        lua.set_field(-2, FLOATS);
        lua.replace(ENVIRONMENT);
        open_library(lua, c"streaming_algorithms.matrix", &[(c"new", new)]);
        1
    }
}

host_call! {
    fn new(lua) {
        check_count(lua, 2..=3);
        let rows = lua.check_int(1);
        if rows <= 0 {
            lua.arg_error(1, c"must be > 0");
        }
        let columns = lua.check_int(2);
        if columns <= 0 {
            lua.arg_error(2, c"must be > 0");
        }
        if lua.check_option(3, Some(c"int"), &[c"int", c"float"]) == 0 {
            push_new::<i32>(lua, rows, columns);
        } else {
            push_new::<f32>(lua, rows, columns);
            lua.get_field(ENVIRONMENT, FLOATS);
            lua.set_environment(-2);
        }
        1
    }
}

fn push_new<V: Value>(lua: Lua<'_>, rows: c_int, columns: c_int) {
    let tail = size_of::<V>() * rows as usize * columns as usize;
    Matrix::<V>::new(Object::push_new(lua, &V::CLASS, Head { rows, columns }, tail)).clear(lua);
}
