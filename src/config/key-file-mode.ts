/**
 * Whether others than this process may read a file. Kubernetes gives a pod that is not root its secrets as files of
 * root that the pod's own group may read (`fsGroup`, mode 440): there the group is how the owner lets just this process in.
 *
 * @param mode permission bits
 */
export function isOpenToOthers(mode: number, ownerUid: number, ownUid: number): boolean {
  const lentByRoot = ownerUid === 0 && ownUid !== 0 && (mode & 0o030) === 0;
  return (mode & (lentByRoot ? 0o037 : 0o077)) !== 0;
}
