export {
  PICTURE_PIXELS_MAX,
  PICTURE_SIDE_MAX,
  PICTURES_TAKEN,
  type PictureType,
  requirePicture,
  requirePictureSize,
} from "./picture.js";
export { endsWhole } from "./pictureEnd.js";
export { TriangleResizer } from "./resizeTriangle.js";
