/**
 * Common given and family names of several cultures, in lower case, to recognise columns of names; general knowledge,
 * not a census. A column of names need hold only some of them.
 */

export const GIVEN_NAMES = `
aarav aaron abdul abebe abigail adam adebayo adele adrian adriana agnes agnieszka ahmed aisha akiko akira
alan albert alejandra alejandro aleksandra alessandro alex alexander alexandra alexandre alexis alfonso
alfred ali alice alicia alina alison alma amal amanda amara amelie amina amir amy ana ananya anastasia
anders andre andrea andreas andrew andrzej andré angela anil anita anja ann anna anne annette anthony
antoine anton antonia antonio aria ariel arjun armando arthur arturo asad asha ashley astrid asuka august
aurora axel ayşe baptiste barbara barbora beata beatrice ben benjamin bernard bernd bianca bilal birgit
björk björn bo bob bogdan brandon brian brigitte britta bronisław bruna bruno burak bärbel caitlin callum
camila camille carl carla carlos carmen carol caroline catherine cecile cecilia celine cem chantal charles
charlotte chen chiara chidi chinedu chloe chloé chris christian christina christine christoph christopher
ciara claire clara claudia claus clement colin connor cristian cristina cyril céline dagmar dalia damian
danica daniel daniela danielle dariusz dave david davide deborah deepak delphine denise dennis diana diego
dieter dimitri dirk dolores dominik dominique donald dora doris dorota dorothy duc duncan dylan ebru edgar
edith edmund eduard eduardo edward eero eirik ekaterina eleanor elena eli elias elif elisa elisabeth
elizabeth ella ellen eloise elsa emeka emil emilia emily emma emre enrique eric erica erik erika erin
ernst esra estelle esther ethan etienne eugene eugenia eva eve evelyn ewa fabian fatima fatma federica
federico felix ferdinand fernando filip filippo finn fiona florence florian frances francesca francesco
francis francisca francisco francois frank franz françois frederic frederik freja friedrich fritz fumiko
gabriel gabriela gabriele gael gaurav gavin geoffrey georg george georgia georgios gerard gerardo gerhard
gianni gilbert giorgia giorgos giovanni gisela giulia giuseppe gloria grace graham greg gregory greta
guadalupe guido guillaume gustav gustavo gwen günter halima hamza hanna hannah hans hao harald harry
haruto hassan heather hector hedwig heidi heike heinrich heinz helen helena helga helmut henri henrik
henry herbert hilda hiroko hiroshi holger hong horst hubert huda hugo hussein hélène ian ibrahim ida
ignacio igor ilaria imran ines inga inge ingeborg ingrid inès ioana ioannis irene irina iris isaac isabel
isabella isla ismail ivan ivana ivo iwona jack jacob jacqueline jacques jaime jakob james jamie jan jana
jane janet janina janusz jaroslav jasmin jasmine jason javier jean jeff jeffrey jelena jennifer jens
jeremy jerome jessica jesus jia jim jin joan joanna joao joaquim joaquin joel johan johann johannes john
jolanda jonas jonathan jordan jorge jorgen jose josef joseph joshua josé joão juan judith julia julian
julie jun junko justin jérôme jörg jürgen kai kaito kamal karen karim karin karl karolina kasia katarina
katarzyna kate kateryna katharina kathleen katja kavita kazuo keiko keith kelly ken kenji kenneth kerstin
kevin khadija khalid kim kiran kirsten kjell klara klaus kofi konrad kristin kristina krzysztof kumar kurt
kwame käthe lakshmi lara lars laszlo latisha laura laurence laurent layla lea leila lena leo leon leonardo
leonie leticia li liam lidia lily linda ling lisa lisbeth liv lorena lorenzo lothar louis louise lourdes
luca lucas lucia luciana lucie lucy ludmila luigi luis luise luiz lukas lydia maarten maciej maciek
madison magdalena magnus mahmoud maja malik manfred manuel manuela marc marcel marcelo marcin marco marcus
margaret margit maria mariam mariana marianne marie marija marina mario marion mariusz mark marko markus
marlene marta martha martin martina mary maryam maría masako mateo mathieu mathilde matteo matthew
matthias maureen maurice max maximilian maya małgorzata mehmet mei melanie mercedes mia michael michal
michał michel michelle miguel mikael mike mikhail mila milan milena ming mireille mirjam mohamed mohammed
mohan monica monika muhammad mustafa nadezhda nadia nadine nanami naoko natalia natalie natasha nathan
neha neil nelson ngozi nicholas nick nicola nicolas nicole niels nikita nikola nikolai nikolaos nikos nils
nina noah noel noor nora norbert noémie nur oksana olaf oleg olena olga oliver olivia olumide omar onur
oscar oskar osman otto oumar pablo pamela paola paolo parisa pascal pascale patricia patrick paul paula
paulina pavel pavol pawel paweł pedro per peter petr petra philip philipp philippe pierre piet pietro
pilar piotr pooja pradeep pranav preeti priya rachel rafael rafał rahul raisa raj rajesh ralf ralph ramesh
ramon rania raquel rashid ravi raymond rebecca regina reinhard renata renate rene rené ricardo richard rin
rita robert roberto robin rocio rodrigo roger rohan roland roman ronald rosa rosalind rosario rose
rosemary roxana ruben rudolf ruslan ruth ryan sabine sadia saeed sagar sakura sally salma salvatore sam
samantha sami samir samuel sandeep sandra sanjay santiago sara sarah sascha satoshi scott sean sebastian
sebastiano selim sergei sergio seung shanice shankar sharon sheila shinji shirley sigrid silke silvia
simon simona simone sinead siobhan sofia solveig sonia sophia sophie soren stefan stefanie stella stephan
stephanie stephen steve steven stuart sumiko sunil suresh susan susanne sushma sven svenja svetlana sylvia
sylvie sébastien tadeusz takashi takeshi tamara tamika tania tariq tatiana tatyana ted teodor teresa
tereza thabo theo theodor theresa thi thiago thierry thomas thorsten tiago tim timo timothy tina tobias
tom tomas tomasz tommaso tomoko tony trevor tuan ulla ulrich ulrike umar ursula ute uwe valentina valeria
valerie valerio vanessa vasile vera veronica vicente victor victoria vijay vikram viktor vincent vincenzo
viola virginia vivian vladimir volker waldemar walter wanda wang wei wendy wenjing werner wiebke wilhelm
will willem william wojciech wolfgang xavier xiao xin yan yara yasmin yasmine yolanda youssef yuki yuko
yuri yusuf yves yvonne zahra zainab zbigniew zeynep zhang zoe zoé zuzana ángel óscar ömer łukasz şebnem
žiga`;

export const FAMILY_NAMES = `
abdi abdullah abe abubakar acosta adams adeyemi aguilar ahmed akhtar aksoy alexandrou ali allen alonso
alvarez alves amin anderson andersson andrade andreou antonov aoki arslan aydin bailey baker bakker
banerjee bangura barbieri barnes barros batista bauer becker begum bell bennett berg berglund bergman
bernard bianchi bogdanov bonnet bos bouchard boucher brandt brooks brouwer brown bruno bryant burke butler
byrne campbell carter caruso carvalho castelli castillo castro chan chandra chaudhary chavez chen cheng
cheung choi chopra chung clark cohen coleman collins colombo conti contreras cook cooper correia costa
coulibaly cox cruz dahl dang davis dekker delgado demir demirci desai diallo diaz diop dominguez doyle
duarte dubois dupont durand dutta dvorak dvořák edwards ekwueme engel erdogan eriksson esposito estrada
evans fabre farkas fernandes fernandez fernández ferrari ferreira ferrer fiore fischer fisher fitzgerald
flanagan flores fontaine foster fournier fox franco friedman fuentes fujita gallagher gallo garcia garcía
garnier gauthier georgiou gerard ghosh giordano girard gomes gomez gonzales gonzalez gonzález gonçalves
graham gray greco green greene grigoriev guerin guerrero gupta gutierrez haas haddad hahn hakimi hall
hamid hamilton hansen hansson harris hartmann hasan hashimoto hassan hayes henderson hernandez hernández
herrera herrmann hill hoang hoffmann horvat horvath howard huang huber hughes hussain hussein huynh
ibrahim iglesias ito ivanov iyer jackson jacobs jain james jansen janssen jansson jenkins jensen jimenez
jiménez johansson johnson johnston jones jovanovic jovanović juarez jung kaiser kamau kaminski kang kaplan
kapoor karlsson kato kaur kaya keller kelly kennedy khalil khan khanna kim kimura king klein kobayashi
koch koh kovac kovacs koval kowalczyk kowalski kozlov kraus kruger krüger kumar kuznetsov kwon lam lambert
lang lange larsen larsson laurent lebedev leclerc lee lefebvre legrand lehmann leroy levy lewandowski
lewis li lim lin lindberg lindqvist liu lombardi long lopez lorenz lozano lund lundgren ma mahmood maier
makarov maldonado malik mancini mansour marino marques marquez marshall martin martinez martini martínez
masson matsumoto mayer mbeki mccarthy mcdonald medina mehta meijer mendes mendez mendoza mercier metin
meyer michel miller mishra mitchell mohamed molina molnar moore morales moreau morgan mori morin morozov
morris moser mukherjee muller munoz murphy murray muñoz mwangi myers müller nair nakamura navarro ndiaye
nelson neumann nguyen nguyễn nicolas nielsen nikolaidis nilsson nkosi nogueira novak novák nowak
nowakowski nunes núñez o'brien o'connor o'neill o'sullivan ochoa odhiambo okafor okeke okonkwo oliveira
olsen olsson omar onyango orlov ortiz osei ota ozturk pacheco papadopoulos pappas park parker patel patil
paulsen pavlov peeters pellegrini pereira perez perry persson peters petersen peterson petit petrov
petrovic peña pham phillips phạm pinto popescu popov powell pretorius price prieto quinn qureshi rahman
raman ramirez ramos ramírez rao rasmussen reddy reed reid reis renard renault reyes reynolds ribeiro ricci
richardson richter rinaldi rios rivas rivera rizzo robert roberts robinson rocha rodrigues rodriguez
rodríguez rogers rojas romano romero rosen ross rossi rousseau roussel roy ruiz russell russo ryan sahin
saito sakamoto salazar saleh salvador sanchez sanders santana santoro santos sasaki sato schaefer schmidt
schmitz schneider scholz schröder schubert schulz schulze schumacher schuster schwarz schäfer scott seidel
semenov serra shapiro sharif sharma sharp shevchenko shimizu shrestha silva simmons simon singh singhal
smirnov smit smith soares sokolov soto sousa souza stefanov stein stevens stewart stoica suarez
subramanian sullivan suzuki svensson sánchez takahashi tan tanaka tang taylor teixeira thapa thomas
thompson tiwari torres tran traore trujillo trần tsai turner ueda valdez valencia vargas vasiliev vasquez
vega velasquez verma vermeulen vidal vieira villa vincent visser vitale vogel vogt volkov voss wagner
walker wang wanjiku ward watanabe watson watts weber weiss weiß werner white willems williams wilson
winkler winter wolf wolff wong wood wozniak woźniak wright wu wójcik xu yadav yamada yamaguchi yamamoto
yang yildiz yilmaz yoon yoshida young yusuf yıldız yılmaz zamora zapata zhang zhao zheng zhou zhu ziegler
zielinski zimmerman zimmermann çelik öztürk şahin żukowski`;
