# Shared by the scripts that generate Swift from .proto files; sourced, not run. Expects `root`, the folder
# of this repository, and `fail`, which prints its arguments and ends the script.

# find_protoc_plugin: sets `plugin` to protoc-gen-swift. It is built once from the swift-protobuf that the
# package uses and kept in .build-tools/; PROTOC_GEN_SWIFT names another one.
find_protoc_plugin() {
  local checkout=$root/.build/checkouts/swift-protobuf tools=$root/.build-tools source revision
  command -v protoc >/dev/null || fail "protoc is missing; install protobuf-compiler"
  plugin=${PROTOC_GEN_SWIFT:-}
  if [[ -z $plugin ]]; then
    [[ -d $checkout ]] || (cd "$root" && swift package resolve >&2)
    [[ -d $checkout ]] || fail "$checkout is missing; run: swift package resolve"
    source=$tools/swift-protobuf
    plugin=$source/.build/release/protoc-gen-swift
    revision=$(git -C "$checkout" rev-parse HEAD)
    if [[ ! -x $plugin || $(cat "$tools/revision" 2>/dev/null) != "$revision" ]]; then
      echo "building protoc-gen-swift (about a minute, once)" >&2
      rm -rf "$source"
      mkdir -p "$tools"
      cp -r "$checkout" "$source"
      chmod -R u+w "$source"
      swift build --package-path "$source" -c release --product protoc-gen-swift >&2
      echo "$revision" >"$tools/revision"
    fi
  fi
  [[ -x $plugin ]] || fail "$plugin is not a program"
}

# embed DESCRIPTOR_SET DECLARATION_HEAD OUTPUT_FILE: a descriptor set as Swift source. A base64 literal
# compiles at once, where an array literal of bytes takes minutes.
embed() {
  local set=$1 head=$2 output=$3
  {
    cat "$head"
    echo
    cat <<'SWIFT'
/// Decodes base64 without line breaks; the text is a constant made by the same script.
private func decodeBase64(_ text: StaticString) -> [UInt8] {
  text.withUTF8Buffer { characters in
    var bytes: [UInt8] = []
    bytes.reserveCapacity(characters.count / 4 * 3)
    var bits: UInt32 = 0
    var bitCount = 0
    for character in characters {
      let value: UInt8
      switch character {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = character - UInt8(ascii: "A")
      case UInt8(ascii: "a")...UInt8(ascii: "z"): value = character - UInt8(ascii: "a") + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = character - UInt8(ascii: "0") + 52
      case UInt8(ascii: "+"): value = 62
      case UInt8(ascii: "/"): value = 63
      default: continue
      }
      bits = bits << 6 | UInt32(value)
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
      }
    }
    return bytes
  }
}

SWIFT
    printf 'private let encodedDescriptorSet: StaticString =\n  "%s"\n' "$(base64 -w 0 "$set")"
  } >"$output"
}
