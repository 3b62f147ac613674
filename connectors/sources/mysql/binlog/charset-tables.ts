/**
 * What bytes 0x80 to 0xff are in MySQL's character sets of one byte, as the server itself converts them (MySQL 9.7 and
 * MariaDB 11.8 agree); U+FFFD where the set has no character. Below 0x80 all are ASCII, except swe7.
 */
export const upperHalves: Readonly<Record<string, string>> = {
  armscii8:
    "\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088\u0089\u008a\u008b\u008c\u008d\u008e\u008f\u0090\u0091\u0092\u0093\u0094\u0095\u0096\u0097\u0098\u0099\u009a\u009b\u009c\u009d\u009e\u009f\u00a0❁§։)(»«—.՝,-՟…՜՛՞ԱաԲբԳգԴդԵեԶզԷէԸըԹթԺժԻիԼլԽխԾծԿկՀհՁձՂղՃճՄմՅյՆնՇշՈոՉչՊպՋջՌռՍսՎվՏտՐրՑցՒւՓփՔքՕօՖֆ’'",
  cp1250:
    '€\ufffd‚\ufffd„…†‡\ufffd‰Š‹ŚŤŽŹ\ufffd‘’“”•–—\ufffd™š›śťžź\u00a0ˇ˘Ł¤Ą¦§¨©Ş«¬\u00ad®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙',
  cp1251:
    'ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\ufffd™љ›њќћџ\u00a0ЎўЈ¤Ґ¦§Ё©Є«¬\u00ad®Ї°±Ііґµ¶·ё№є»јЅѕїАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя',
  cp1256:
    '€پ‚ƒ„…†‡ˆ‰\ufffd‹Œچژ\ufffdگ‘’“”•–—\ufffd™\ufffd›œ\u200c\u200d\ufffd\u00a0،¢£¤¥¦§¨©\ufffd«¬\u00ad®¯°±²³´µ¶·¸¹؛»¼½¾؟\ufffdءآأؤإئابةتثجحخدذرزسشصض×طظعغـفقكàلâمنهوçèéêëىيîï\u064b\u064c\u064d\u064eô\u064f\u0650÷\u0651ù\u0652ûü\u200e\u200f\ufffd',
  cp1257:
    '€\ufffd‚\ufffd„…†‡\ufffd‰\ufffd‹\ufffd¨ˇ¸\ufffd‘’“”•–—\ufffd™\ufffd›\ufffd¯˛\ufffd\u00a0\ufffd¢£¤\ufffd¦§Ø©Ŗ«¬\u00ad®Æ°±²³´µ¶·ø¹ŗ»¼½¾æĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽßąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž˙',
  cp850:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0',
  cp852:
    'ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u00ad˝˛ˇ˘§÷¸°¨˙űŘř■\u00a0',
  cp866:
    'АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмноп░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀рстуфхцчшщъыьэюяЁёЄєЇїЎў°∙·√ⁿ²■\u00a0',
  dec8: '\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088\u0089\u008a\u008b\u008c\u008d\u008e\u008f\u0090\u0091\u0092\u0093\u0094\u0095\u0096\u0097\u0098\u0099\u009a\u009b\u009c\u009d\u009e\u009f\u00a0¡¢£\ufffd¥\ufffd§¤©ª«\ufffd\ufffd\ufffd\ufffd°±²³\ufffdµ¶·\ufffd¹º»¼½\ufffd¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏ\ufffdÑÒÓÔÕÖŒØÙÚÛÜŸ\ufffdßàáâãäåæçèéêëìíîï\ufffdñòóôõöœøùúûüÿ\ufffd\ufffd',
  geostd8:
    '€\ufffd‚\ufffd„…†‡\ufffd‰\ufffd‹\ufffd\ufffd\ufffd\ufffd\ufffd‘’“”•–—\ufffd\ufffd\ufffd›\ufffd\ufffd\ufffd\ufffd\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿აბგდევზჱთიკლმნჲოპჟრსტჳუფქღყშჩცძწჭხჴჯჰჵ\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd№\ufffd\ufffd',
  greek:
    '\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088\u0089\u008a\u008b\u008c\u008d\u008e\u008f\u0090\u0091\u0092\u0093\u0094\u0095\u0096\u0097\u0098\u0099\u009a\u009b\u009c\u009d\u009e\u009f\u00a0ʽʼ£\ufffd\ufffd¦§¨©\ufffd«¬\u00ad\ufffd―°±²³΄΅Ά·ΈΉΊ»Ό½ΎΏΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ\ufffdΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώ\ufffd',
  hebrew:
    '\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088\u0089\u008a\u008b\u008c\u008d\u008e\u008f\u0090\u0091\u0092\u0093\u0094\u0095\u0096\u0097\u0098\u0099\u009a\u009b\u009c\u009d\u009e\u009f\u00a0\ufffd¢£¤¥¦§¨©×«¬\u00ad®‾°±²³´µ¶·¸¹÷»¼½¾\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd‗אבגדהוזחטיךכלםמןנסעףפץצקרשת\ufffd\ufffd\u200e\u200f\ufffd',
  hp8: '\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088\u0089\u008a\u008b\u008c\u008d\u008e\u008f\u0090\u0091\u0092\u0093\u0094\u0095\u0096\u0097\u0098\u0099\u009a\u009b\u009c\u009d\u009e\u009f\u00a0ÀÂÈÊËÎÏ´ˋˆ¨˜ÙÛ₤¯Ýý°ÇçÑñ¡¿¤£¥§ƒ¢âêôûáéóúàèòùäëöüÅîØÆåíøæÄìÖÜÉïßÔÁÃãÐðÍÌÓÒÕõŠšÚŸÿÞþ·µ¶¾—¼½ªº«■»±\ufffd',
  keybcs2:
    'ČüéďäĎŤčěĚĹÍľĺÄÁÉžŽôöÓůÚýÖÜŠĽÝŘťáíóúňŇŮÔšřŕŔ¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0',
  koi8r:
    '─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓⌠■∙√≈≤≥\u00a0⌡°²·÷═║╒ё╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡Ё╢╣╤╥╦╧╨╩╪╫╬©юабцдефгхийклмнопярстужвьызшэщчъЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЫЗШЭЩЧЪ',
  koi8u:
    '─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓⌠■•√≈≤≥\u00a0⌡°²·÷═║╒ёє╔ії╗╘╙╚╛ґ╝╞╟╠╡ЁЄ╣ІЇ╦╧╨╩╪Ґ╬©юабцдефгхийклмнопярстужвьызшэщчъЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЫЗШЭЩЧЪ',
  latin1:
    '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ',
  latin2:
    '\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088\u0089\u008a\u008b\u008c\u008d\u008e\u008f\u0090\u0091\u0092\u0093\u0094\u0095\u0096\u0097\u0098\u0099\u009a\u009b\u009c\u009d\u009e\u009f\u00a0Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u00adŽŻ°ą˛ł´ľśˇ¸šşťź˝žżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙',
  latin5:
    '\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088\u0089\u008a\u008b\u008c\u008d\u008e\u008f\u0090\u0091\u0092\u0093\u0094\u0095\u0096\u0097\u0098\u0099\u009a\u009b\u009c\u009d\u009e\u009f\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ',
  latin7:
    '\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088\u0089\u008a\u008b\u008c\u008d\u008e\u008f\u0090\u0091\u0092\u0093\u0094\u0095\u0096\u0097\u0098\u0099\u009a\u009b\u009c\u009d\u009e\u009f\u00a0”¢£¤„¦§Ø©Ŗ«¬\u00ad®Æ°±²³“µ¶·ø¹ŗ»¼½¾æĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽßąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž’',
  macce:
    'ÄĀāÉĄÖÜáąČäčĆćéŹźĎíďĒēĖóėôöõúĚěü†°Ę£§•¶ß®©™ę¨≠ģĮįĪ≤≥īĶ∂∑łĻļĽľĹĺŅņŃ¬√ńŇ∆«»…\u00a0ňŐÕőŌ–—“”‘’÷◊ōŔŕŘ‹›řŖŗŠ‚„šŚśÁŤťÍŽžŪÓÔūŮÚůŰűŲųÝýķŻŁżĢˇ',
  macroman:
    'ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø¿¡¬√ƒ≈∆«»…\u00a0ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\uf8ffÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ',
  tis620:
    '\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088\u0089\u008a\u008b\u008c\u008d\u008e\u008f\u0090\u0091\u0092\u0093\u0094\u0095\u0096\u0097\u0098\u0099\u009a\u009b\u009c\u009d\u009e\u009f\ufffdกขฃคฅฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรฤลฦวศษสหฬอฮฯะ\u0e31าำ\u0e34\u0e35\u0e36\u0e37\u0e38\u0e39\u0e3a\ufffd\ufffd\ufffd\ufffd฿เแโใไๅๆ\u0e47\u0e48\u0e49\u0e4a\u0e4b\u0e4c\u0e4d\u0e4e๏๐๑๒๓๔๕๖๗๘๙๚๛\ufffd\ufffd\ufffd\ufffd',
};

/** swe7 has national letters in the place of some punctuation, and nothing above 0x7f. */
export const swe7Letters: readonly (readonly [byte: number, letter: string])[] = [
  [0x40, 'É'],
  [0x5b, 'Ä'],
  [0x5c, 'Ö'],
  [0x5d, 'Å'],
  [0x5e, 'Ü'],
  [0x60, 'é'],
  [0x7b, 'ä'],
  [0x7c, 'ö'],
  [0x7d, 'å'],
  [0x7e, 'ü'],
  [0x7f, '\ufffd'],
];

/**
 * Where the server's character sets of several bytes differ from iconv-lite's of the same name: code in hexadecimal,
 * then the character. Made by comparing every code of both; areas for private use follow rules (multi-byte-charset.ts).
 */
export const corrections: Readonly<Record<string, string>> = {
  big5: 'a145• a14e､ a1c2‾ a1e3∼ a1f2♁ a1f3☉ a241／ a242＼ a244¥ a246¢ a247£ c6a1ヾ c6a2ゝ c6a3ゞ c6a4々 c6a5ぁ c6a6あ c6a7ぃ c6a8い c6a9ぅ c6aaう c6abぇ c6acえ c6adぉ c6aeお c6afか c6b0が c6b1き c6b2ぎ c6b3く c6b4ぐ c6b5け c6b6げ c6b7こ c6b8ご c6b9さ c6baざ c6bbし c6bcじ c6bdす c6beず c6bfせ c6c0ぜ c6c1そ c6c2ぞ c6c3た c6c4だ c6c5ち c6c6ぢ c6c7っ c6c8つ c6c9づ c6caて c6cbで c6ccと c6cdど c6ceな c6cfに c6d0ぬ c6d1ね c6d2の c6d3は c6d4ば c6d5ぱ c6d6ひ c6d7び c6d8ぴ c6d9ふ c6daぶ c6dbぷ c6dcへ c6ddべ c6deぺ c6dfほ c6e0ぼ c6e1ぽ c6e2ま c6e3み c6e4む c6e5め c6e6も c6e7ゃ c6e8や c6e9ゅ c6eaゆ c6ebょ c6ecよ c6edら c6eeり c6efる c6f0れ c6f1ろ c6f2ゎ c6f3わ c6f4ゐ c6f5ゑ c6f6を c6f7ん c6f8ァ c6f9ア c6faィ c6fbイ c6fcゥ c6fdウ c6feェ c740エ c741ォ c742オ c743カ c744ガ c745キ c746ギ c747ク c748グ c749ケ c74aゲ c74bコ c74cゴ c74dサ c74eザ c74fシ c750ジ c751ス c752ズ c753セ c754ゼ c755ソ c756ゾ c757タ c758ダ c759チ c75aヂ c75bッ c75cツ c75dヅ c75eテ c75fデ c760ト c761ド c762ナ c763ニ c764ヌ c765ネ c766ノ c767ハ c768バ c769パ c76aヒ c76bビ c76cピ c76dフ c76eブ c76fプ c770ヘ c771ベ c772ペ c773ホ c774ボ c775ポ c776マ c777ミ c778ム c779メ c77aモ c77bャ c77cヤ c77dュ c77eユ c7a1ョ c7a2ヨ c7a3ラ c7a4リ c7a5ル c7a6レ c7a7ロ c7a8ヮ c7a9ワ c7aaヰ c7abヱ c7acヲ c7adン c7aeヴ c7afヵ c7b0ヶ c7b1Д c7b2Е c7b3Ё c7b4Ж c7b5З c7b6И c7b7Й c7b8К c7b9Л c7baМ c7bbУ c7bcФ c7bdХ c7beЦ c7bfЧ c7c0Ш c7c1Щ c7c2Ъ c7c3Ы c7c4Ь c7c5Э c7c6Ю c7c7Я c7c8а c7c9б c7caв c7cbг c7ccд c7cdе c7ceё c7cfж c7d0з c7d1и c7d2й c7d3к c7d4л c7d5м c7d6н c7d7о c7d8п c7d9р c7daс c7dbт c7dcу c7ddф c7deх c7dfц c7e0ч c7e1ш c7e2щ c7e3ъ c7e4ы c7e5ь c7e6э c7e7ю c7e8я c7e9① c7ea② c7eb③ c7ec④ c7ed⑤ c7ee⑥ c7ef⑦ c7f0⑧ c7f1⑨ c7f2⑩ c7f3⑴ c7f4⑵ c7f5⑶ c7f6⑷ c7f7⑸ c7f8⑹ c7f9⑺ c7fa⑻ c7fb⑼ c7fc⑽',
  gb2312: 'a1a4・ a1aa―',
  sjis: '815f\\ 8160〜 8161‖ 817c− 8191¢ 8192£ 81ca¬',
  ujis: 'a1c0\\ a1c1〜 a1c2‖ a1dd− a1f1¢ a1f2£ a2cc¬ 8fa2b7~',
  eucjpms:
    '8fa2c3￤ 8ff3f3ⅰ 8ff3f4ⅱ 8ff3f5ⅲ 8ff3f6ⅳ 8ff3f7ⅴ 8ff3f8ⅵ 8ff3f9ⅶ 8ff3faⅷ 8ff3fbⅸ 8ff3fcⅹ 8ff3fdⅠ 8ff3feⅡ 8ff4a1Ⅲ 8ff4a2Ⅳ 8ff4a3Ⅴ 8ff4a4Ⅵ 8ff4a5Ⅶ 8ff4a6Ⅷ 8ff4a7Ⅸ 8ff4a8Ⅹ 8ff4a9＇ 8ff4aa＂ 8ff4ab㈱ 8ff4ac№ 8ff4ad℡ 8ff4ae炻 8ff4af仼 8ff4b0僴 8ff4b1凬 8ff4b2匇 8ff4b3匤 8ff4b4﨎 8ff4b5咊 8ff4b6坙 8ff4b7﨏 8ff4b8塚 8ff4b9增 8ff4ba寬 8ff4bb峵 8ff4bc嵓 8ff4bd﨑 8ff4be德 8ff4bf悅 8ff4c0愠 8ff4c1敎 8ff4c2昻 8ff4c3晥 8ff4c4晴 8ff4c5朗 8ff4c6栁 8ff4c7﨓 8ff4c8﨔 8ff4c9橫 8ff4ca櫢 8ff4cb淸 8ff4cc淲 8ff4cd瀨 8ff4ce凞 8ff4cf猪 8ff4d0甁 8ff4d1皂 8ff4d2皞 8ff4d3益 8ff4d4礰 8ff4d5礼 8ff4d6神 8ff4d7祥 8ff4d8福 8ff4d9竧 8ff4da靖 8ff4db精 8ff4dc綠 8ff4dd緖 8ff4de羽 8ff4df荢 8ff4e0﨟 8ff4e1薰 8ff4e2蘒 8ff4e3﨡 8ff4e4蠇 8ff4e5諸 8ff4e6譿 8ff4e7賴 8ff4e8赶 8ff4e9﨣 8ff4ea﨤 8ff4eb逸 8ff4ec郞 8ff4ed都 8ff4ee鄕 8ff4ef﨧 8ff4f0﨨 8ff4f1閒 8ff4f2隆 8ff4f3﨩 8ff4f4霻 8ff4f5靍 8ff4f6靑 8ff4f7飯 8ff4f8飼 8ff4f9館 8ff4fa馞 8ff4fb髙 8ff4fc魲 8ff4fd鶴 8ff4fe黑',
  gb18030: 'a3a0\ue5e5',
};
