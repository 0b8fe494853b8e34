import { describe, expect, it } from "vitest";
import { codeOf } from "../testing/codeOf.js";
import { chooseType, globMatches, parseTypePolicy } from "./policy.js";

describe("--type", () => {
  it("is a default and rules, of which the first that matches wins", () => {
    const policy = parseTypePolicy("i4, encoder.*=q8_0 ,*.adaLN*=F16,encoder.layers.0*=i3");
    expect(policy.default).toBe("i4");
    expect(chooseType(policy, ["encoder.layers.0.qkv.weight"], 192).type).toBe("q8_0");
    expect(chooseType(policy, ["predictor.layers.0.adaLN.weight"], 192).type).toBe("f16");
    expect(chooseType(policy, ["predictor.layers.0.ffn.up.weight"], 192).type).toBe("i4");
    expect(parseTypePolicy("x*=q6_k").default).toBe("i8");
  });

  it("matches a weight's name in the pack or any checkpoint tensor it is made of", () => {
    const policy = parseTypePolicy("i8,*attention.query*=f16");
    expect(
      chooseType(
        policy,
        ["encoder.layers.0.attention.qkv.weight", "encoder.encoder.layer.0.attention.attention.query.weight"],
        192,
      ).type,
    ).toBe("f16");
  });

  it("falls back where the default does not fit, and says why", () => {
    expect(chooseType(parseTypePolicy("q8_0"), ["patch"], 588)).toEqual({
      type: "i8",
      fallback: expect.stringContaining("588 weights, which filled up to a multiple of 32 take more"),
    });
    expect(chooseType(parseTypePolicy("q6_k"), ["qkv"], 192).type).toBe("i8");
    expect(chooseType(parseTypePolicy("i8"), ["action"], 10)).toEqual({
      type: "f32",
      fallback: expect.stringContaining("10"),
    });
    expect(chooseType(parseTypePolicy("f16"), ["action"], 10)).toEqual({ type: "f16" });
  });

  it("fills rows up to whole blocks where that is still smaller than i8", () => {
    expect(chooseType(parseTypePolicy("i4"), ["middle"], 588)).toEqual({ type: "i4" });
    expect(chooseType(parseTypePolicy("i3"), ["patch"], 33)).toEqual({ type: "i3" });
    expect(chooseType(parseTypePolicy("q4_k"), ["qkv"], 192)).toEqual({ type: "q4_k" });
  });

  it("does not fill up what reads pixels in fewer bits than i8, unless a rule says so", () => {
    expect(chooseType(parseTypePolicy("i4"), ["patch"], 588, "pixels")).toEqual({
      type: "i8",
      fallback: "rows of 588 weights for pixels, no multiple of 32",
    });
    expect(chooseType(parseTypePolicy("i4"), ["patch"], 768, "pixels")).toEqual({ type: "i4" });
    expect(chooseType(parseTypePolicy("i4,patch=i4"), ["patch"], 588, "pixels")).toEqual({ type: "i4" });
    expect(chooseType(parseTypePolicy("f16"), ["patch"], 588, "pixels")).toEqual({ type: "f16" });
  });

  it("obeys a rule for tiny rows, and for rows that are filled up", () => {
    expect(chooseType(parseTypePolicy("i4,action*=i8"), ["action"], 10).type).toBe("i8");
    expect(chooseType(parseTypePolicy("i8,patch=q8_0"), ["patch"], 588).type).toBe("q8_0");
  });

  it.each([
    ["i7", "TYPE_UNKNOWN"],
    ["", "TYPE_UNKNOWN"],
    ["i8,x=", "TYPE_UNKNOWN"],
    ["i8,i4", "TYPE_SYNTAX"],
    ["=i8", "TYPE_SYNTAX"],
  ])('"%s" is refused with %s', (text, code) => {
    expect(codeOf(() => parseTypePolicy(text))).toBe(code);
  });
});

describe("patterns", () => {
  it.each([
    ["*", "", true],
    ["a*c", "abc", true],
    ["a*c", "ac", true],
    ["a*c", "acd", false],
    ["*.b*d", "a.bcd.bxd", true],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["a.c", "abc", false],
    ["", "a", false],
    ["**a", "ba", true],
  ])('"%s" and "%s": %s', (pattern, name, matches) => {
    expect(globMatches(pattern, name)).toBe(matches);
  });

  it("answers at once for patterns that make regular expressions hang", () => {
    expect(globMatches(`${"*a".repeat(40)}b`, "a".repeat(5000))).toBe(false);
  });
});
