//! C functions made by comptime: their parameters come from the fields of a struct, and what they do takes that struct.

/// A function of `First`, then the fields of `Args`, that answers `body(first, args)`.
pub fn of(
    comptime First: type,
    comptime Args: type,
    comptime Return: type,
    comptime body: fn (First, Args) Return,
) *const Signature(First, Args, Return) {
    const T = @typeInfo(Args).@"struct".field_types;
    return &switch (T.len) {
        0 => struct {
            fn call(first: First) callconv(.c) Return {
                return body(first, .{});
            }
        },
        1 => struct {
            fn call(first: First, a: T[0]) callconv(.c) Return {
                return body(first, gather(Args, .{a}));
            }
        },
        2 => struct {
            fn call(first: First, a: T[0], b: T[1]) callconv(.c) Return {
                return body(first, gather(Args, .{ a, b }));
            }
        },
        3 => struct {
            fn call(first: First, a: T[0], b: T[1], c: T[2]) callconv(.c) Return {
                return body(first, gather(Args, .{ a, b, c }));
            }
        },
        4 => struct {
            fn call(first: First, a: T[0], b: T[1], c: T[2], d: T[3]) callconv(.c) Return {
                return body(first, gather(Args, .{ a, b, c, d }));
            }
        },
        5 => struct {
            fn call(first: First, a: T[0], b: T[1], c: T[2], d: T[3], e: T[4]) callconv(.c) Return {
                return body(first, gather(Args, .{ a, b, c, d, e }));
            }
        },
        6 => struct {
            fn call(first: First, a: T[0], b: T[1], c: T[2], d: T[3], e: T[4], f: T[5]) callconv(.c) Return {
                return body(first, gather(Args, .{ a, b, c, d, e, f }));
            }
        },
        else => @compileError("a function of more parameters than any had: add a case"),
    }.call;
}

pub fn Signature(comptime First: type, comptime Args: type, comptime Return: type) type {
    const params = &[_]type{First} ++ @typeInfo(Args).@"struct".field_types;
    return @Fn(params, &@splat(.{}), Return, .{ .@"callconv" = .c });
}

fn gather(comptime Args: type, values: anytype) Args {
    var args: Args = undefined;
    inline for (@typeInfo(Args).@"struct".field_names, 0..) |name, i| @field(args, name) = values[i];
    return args;
}
