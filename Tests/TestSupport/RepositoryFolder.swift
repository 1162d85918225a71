/// The folder of the repository, found from this file's place in it.
package let repositoryFolder = String(
  #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
    .joined(separator: "/"))
