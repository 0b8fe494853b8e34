//! Dense linear algebra in double precision for the host's compression: symmetric second moments, Cholesky factors, and
//! the rounding of weights against them. Matrices are row after row. One instance has one thread; who calls gives all
//! memory, `scratchBytes` of it to work in.

const std = @import("std");

const Pair = @Vector(2, f64);

/// Rows that are multiplied at once: their panels stay in the cache.
const block_rows = 128;
/// Columns of a panel: the inner loop makes squares of so many numbers.
const tile = 4;

fn panels(columns: usize) usize {
    return (columns + tile - 1) / tile;
}

/// Bytes of scratch for matrices of at most so many columns.
export fn scratchBytes(columns: usize) usize {
    return 2 * panels(columns) * tile * block_rows * @sizeOf(f64);
}

/// Rows of a matrix as panels of four columns, filled up with zeros: `to[panel][row][4]`.
fn pack(to: [*]f64, from: [*]const f64, stride: usize, rows: usize, columns: usize) void {
    for (0..panels(columns)) |panel| {
        const first = panel * tile;
        const count = @min(tile, columns - first);
        for (0..rows) |row| {
            const out = to + (panel * rows + row) * tile;
            for (0..tile) |i| out[i] = if (i < count) from[row * stride + first + i] else 0;
        }
    }
}

/// Adds `sign * a^T b` to the matrix `[m, n]` at `c`; `a` and `b` are packed. `upper` leaves out what is below the
/// diagonal, squares that it cuts apart.
fn update(
    c: [*]f64,
    stride: usize,
    m: usize,
    n: usize,
    a: [*]const f64,
    b: [*]const f64,
    rows: usize,
    sign: f64,
    upper: bool,
) void {
    for (0..panels(m)) |i| {
        const height = @min(tile, m - i * tile);
        for (if (upper) i else 0..panels(n)) |j| {
            const width = @min(tile, n - j * tile);
            const square = tileProduct(a + i * rows * tile, b + j * rows * tile, rows);
            for (0..height) |y| {
                const out = c + (i * tile + y) * stride + j * tile;
                for (0..width) |x| out[x] += sign * square[y][x];
            }
        }
    }
}

fn tileProduct(a: [*]const f64, b: [*]const f64, rows: usize) [tile][tile]f64 {
    var low: [tile]Pair = @splat(@splat(0));
    var high: [tile]Pair = @splat(@splat(0));
    for (0..rows) |row| {
        const from = b + row * tile;
        const left: Pair = .{ from[0], from[1] };
        const right: Pair = .{ from[2], from[3] };
        inline for (0..tile) |y| {
            const factor: Pair = @splat(a[row * tile + y]);
            low[y] += factor * left;
            high[y] += factor * right;
        }
    }
    var square: [tile][tile]f64 = undefined;
    for (0..tile) |y| square[y] = .{ low[y][0], low[y][1], high[y][0], high[y][1] };
    return square;
}

fn addScaled(out: [*]f64, from: [*]const f64, factor: f64, start: usize, end: usize) void {
    for (start..end) |i| out[i] += factor * from[i];
}

/// Adds rows `[count, k]` to second moments about `centre`: `moments[i][j]` with j >= i, and `sums[i]` of what is left
/// of each column without its centre. Each row counts `weights[row]` times.
export fn accumulate(
    moments: [*]f64,
    sums: [*]f64,
    centre: [*]const f64,
    k: usize,
    rows: [*]const f32,
    weights: [*]const f64,
    count: usize,
    scratch: [*]f64,
) void {
    var start: usize = 0;
    while (start < count) : (start += block_rows) {
        const height = @min(block_rows, count - start);
        for (0..panels(k)) |panel| {
            for (0..height) |row| {
                const out = scratch + (panel * height + row) * tile;
                const weight = weights[start + row];
                const root = @sqrt(weight);
                for (0..tile) |i| {
                    const column = panel * tile + i;
                    out[i] = 0;
                    if (column >= k) continue;
                    const value = rows[(start + row) * k + column] - centre[column];
                    sums[column] += weight * value;
                    out[i] = root * value;
                }
            }
        }
        update(moments, k, k, k, scratch, scratch, height, 1, true);
    }
}

/// The upper factor U of a symmetric matrix `[k, k]` = U^T U, of which only the upper triangle is read and written.
/// Answers k, or the row whose pivot is not above zero.
export fn cholesky(a: [*]f64, k: usize, scratch: [*]f64) usize {
    var start: usize = 0;
    while (start < k) : (start += block_rows) {
        const end = @min(start + block_rows, k);
        for (start..end) |i| {
            const row = a + i * k;
            for (start..i) |above| addScaled(row, a + above * k, -a[above * k + i], i, k);
            const pivot = row[i];
            if (!(pivot > 0) or !std.math.isFinite(pivot)) return i;
            const inverse = 1 / @sqrt(pivot);
            for (i..k) |j| row[j] *= inverse;
        }
        if (end == k) break;
        pack(scratch, a + start * k + end, k, end - start, k - end);
        update(a + end * k + end, k, k - end, k - end, scratch, scratch, end - start, -1, true);
    }
    return k;
}

/// The trace of D H D^T for symmetric H `[k, k]` and D^T `[k, n]`; `product` holds k * n numbers.
export fn quadratic(h: [*]const f64, k: usize, d: [*]const f64, n: usize, product: [*]f64, scratch: [*]f64) f64 {
    @memset(product[0 .. k * n], 0);
    var start: usize = 0;
    while (start < k) : (start += block_rows) {
        const rows = @min(block_rows, k - start);
        const other = scratch + panels(k) * tile * rows;
        pack(scratch, h + start * k, k, rows, k);
        pack(other, d + start * n, n, rows, n);
        update(product, n, k, n, scratch, other, rows, 1, false);
    }
    var sum: f64 = 0;
    for (d[0 .. k * n], product[0 .. k * n]) |x, y| sum += x * y;
    return sum;
}

/// The grids of n rows of weights.
const Grid = extern struct {
    /// One a row.
    scales: [*]const f64,
    /// `[groups][n]`.
    steps: [*]const f64,
    /// The group of each column.
    groups: [*]const u32,
    low: f64,
    high: f64,
};

/// Rounds weights, one column of all rows after the other, each to what the errors of the columns before it ask for
/// (GPTQ). `errors` `[k, n]` comes as the weights' columns in the order of rounding and is left as what rounding took
/// from them; `numbers` `[k, n]` becomes the whole numbers, `asked` `[k, n]` comes as zeros.
///
/// With the second moments H = R R^T, R upper, column i of the errors E counts in column j of E R by R[i][j]: rounding
/// W[j] + sum over i < j of E[i] R[i][j] / R[j][j] brings that column as near to zero as its grid lets it. `factor` is
/// the upper Cholesky factor of H with rows and columns in reverse, so that R[i][j] = factor[k - 1 - j][k - 1 - i].
export fn roundColumns(
    factor: [*]const f64,
    k: usize,
    n: usize,
    errors: [*]f64,
    asked: [*]f64,
    numbers: [*]i8,
    grid: *const Grid,
    scratch: [*]f64,
) void {
    var start: usize = 0;
    while (start < k) : (start += block_rows) {
        const end = @min(start + block_rows, k);
        for (start..end) |column| {
            roundColumn(grid, column, n, errors + column * n, asked + column * n, numbers + column * n);
            for (column + 1..end) |later| {
                const share = coefficient(factor, k, column, later);
                addScaled(asked + later * n, errors + column * n, share, 0, n);
            }
        }
        if (end == k) break;
        const rows = end - start;
        for (0..panels(k - end)) |panel| {
            for (0..rows) |row| {
                for (0..tile) |i| {
                    const later = end + panel * tile + i;
                    scratch[(panel * rows + row) * tile + i] =
                        if (later < k) coefficient(factor, k, start + row, later) else 0;
                }
            }
        }
        const other = scratch + panels(k - end) * tile * rows;
        pack(other, errors + start * n, n, rows, n);
        update(asked + end * n, n, k - end, n, scratch, other, rows, 1, false);
    }
}

fn coefficient(factor: [*]const f64, k: usize, column: usize, later: usize) f64 {
    const row = factor + (k - 1 - later) * k;
    return row[k - 1 - column] / row[k - 1 - later];
}

fn roundColumn(grid: *const Grid, column: usize, n: usize, errors: [*]f64, asked: [*]const f64, numbers: [*]i8) void {
    const steps = grid.steps + grid.groups[column] * n;
    for (0..n) |row| {
        const scale = grid.scales[row];
        numbers[row] = 0;
        if (scale == 0) continue;
        const wanted = (errors[row] + asked[row]) / (scale * steps[row]);
        const number = @min(@max(@floor(wanted + 0.5), grid.low), grid.high);
        numbers[row] = @trunc(number);
        errors[row] -= scale * @min(@max(number * steps[row], -128), 127);
    }
}
