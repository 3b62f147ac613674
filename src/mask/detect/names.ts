/** Common given names of several cultures, to recognise columns of names; general knowledge, not a census. */
const GIVEN = `
aaron abdul abigail adam adele adrian agnes ahmed aisha alan albert alejandro alessandro alex alexander alexandra alexandre alfred ali alice alicia
alina alison amanda amelie amina amir amy ana anders andrea andreas andrew andrzej angela anita anja ann anna anne annette anthony antoine antonio
ariel arthur asha astrid august aurora axel barbara beatrice ben benjamin bernd bernard bianca birgit björn bo bob brandon brian bruno camille carl
carla carlos carmen carol caroline catherine cecilia celine charles charlotte chen chiara chloe chris christian christina christine christoph
christopher claire clara claudia claus clement colin cristina dagmar daniel daniela danielle dave david deborah denise dennis diana diego dieter dimitri
dirk dominik donald dora doris dorothy dylan eduardo edward elena eleanor eli elias elisa elizabeth ella ellen elsa emil emilia emily emma enrique eric
erica erik erika ernst esther ethan eva eve evelyn fabian fatima felix fernando fiona florian frances francesca francesco francis francois frank franz
frederic frederik friedrich fritz gabriel gabriela gabriele georg george gerard gerhard gianni giovanni giulia giuseppe gloria grace greg gregory greta
guido guillaume günter gustav hannah hans harald harry hassan heather heidi heike heinz helen helena helga henri henrik henry herbert hiroshi holger hugo
ian ibrahim ida igor ines inga inge ingrid irene iris isaac isabel isabella ivan ivana jack jacob jacqueline jacques jakob james jamie jan jane janet
janina jason javier jean jeff jeffrey jelena jennifer jens jeremy jessica jim joan joanna joao johan johann johannes john jolanda jonas jonathan jordan jorge
jose josef joseph joshua juan judith julia julian julie jürgen justin kai karen karin karl katarina kate katharina kathleen katja keith kelly ken kenji
kenneth kevin khalid kim klaus konrad krzysztof kumar kurt lara lars laura lea leila lena leo leon leonardo li liam lily linda lisa liv lorenzo louis louise
luca lucas lucia lucy luigi luis luise lukas lydia magdalena maja manfred manuel marc marcel marco marcus margaret margit maria marianne marie marina mario
marion mark marko markus marta martha martin martina mary mateo matthew matthias maurice max maximilian maya mehmet melanie mia michael michel michelle miguel
mike mila mohamed mohammed monica monika muhammad nadia nadine natalia natalie nathan neil nicholas nick nicola nicolas nicole niels nikolai nils nina noah
noel nora norbert olga oliver olivia omar oscar oskar otto pablo paola paolo patricia patrick paul paula pavel pedro per peter petra philip philipp philippe
pierre pietro piotr priya rachel rafael rahul raj ralf ralph ramon raymond rebecca regina renate rene ricardo richard rita robert roberto robin roger roland
roman ronald rosa rose ruth ryan sabine sally salma sam samantha samuel sandra sara sarah sascha scott sean sebastian sergei sergio sharon sheila silvia simon
simone sofia sonia sophia sophie stefan stefanie stella stephan stephanie stephen steve steven stuart sunil susan susanne sven svetlana sylvia takashi tamara
tania tatiana ted teresa theo theodor theresa thierry thomas tim timothy tina tobias tom tomas tommaso tony ulrich ulrike ursula ute valentina valerie vanessa
vera veronica victor victoria viktor vincent virginia vladimir walter wang wei wendy werner wilhelm will william wolfgang xavier yan yasmin yuki yusuf yvonne
zainab zhang zoe zoé`;

const FAMILY = `
adams ahmed ali allen alvarez anderson andersson bailey baker barnes bauer becker bell bennett berg bernard bianchi brooks brown bruno bryant butler
campbell carter castillo castro chavez chen clark collins conti cook cooper costa cox cruz davis de diaz dubois dupont durand edwards eriksson esposito
evans ferrari fernandez ferreira fischer fisher flores foster fox garcia gomez gonzalez gonzales gray green greco gupta gutierrez hall hamilton hansen hansson
harris hartmann hayes henderson hernandez hill hoffmann howard huang hughes ivanov jackson jain james jansen janssen jenkins jensen johansson johnson jones jung
kaiser kaur kelly khan kim king klein koch koval kowalski kumar lam larsen larsson lee lefebvre lehmann lewis li lim lin liu long lopez lozano ma maier marino
martin martinez mayer mehta mendoza meyer miller mitchell moore morales moreau morgan morris müller muller murphy myers nelson neumann nguyen nielsen nilsson
novak nowak ortiz parker patel pereira perez perry peters petersen peterson petrov phillips powell price ramirez ramos reed reyes reynolds ricci richardson
richter rivera roberts robinson rodriguez rogers romano ross rossi roy ruiz russell russo ryan sanchez sanders santos sato schmidt schmitz schneider scholz
schröder schulz schulze schwarz scott sharma silva simmons simon singh smirnov smith sokolov stewart sullivan suzuki svensson tan tanaka taylor thomas thompson
torres turner van vargas vasquez vogel wagner walker wang ward watanabe watson weber weiss werner white williams wilson wolf wong wood wright wu yamamoto yang
yilmaz young zhang zhao zhou zimmermann`;

const words = (list: string): ReadonlySet<string> => new Set(list.trim().split(/\s+/));

const given = words(GIVEN);
const family = words(FAMILY);

export function isGivenName(word: string): boolean {
  return given.has(word.toLowerCase());
}

export function isFamilyName(word: string): boolean {
  return family.has(word.toLowerCase());
}

const NAME =
  /^(?:(?:mr|mrs|ms|dr|prof|herr|frau|m|mme|sr|sra|señor|señora)\.? )?\p{Lu}[\p{L}'’.-]*(?: (?:van|von|de|der|den|del|la|le|di|da|bin|al|\p{Lu}[\p{L}'’.-]*)){1,4}$/iu;

/** A whole value that looks like the name of a person: two to five words, one of them in the lists. */
export function isPersonName(value: string): boolean {
  if (value.length > 80 || /\d/.test(value) || !NAME.test(value)) return false;
  return value.split(/[ -]/).some((word) => isGivenName(word) || isFamilyName(word));
}
