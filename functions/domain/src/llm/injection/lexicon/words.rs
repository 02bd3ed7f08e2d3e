//! The words of many languages, and what they stand for. `build.rs` reads this file, too: it makes the automaton of them.
//!
//! Words are written without accents and in lower case. `*` at the end takes any ending, `_` is a space. Scripts that do not
//! part words by spaces, or join particles to them, are found anywhere.

use std::collections::BTreeMap;

/// What a word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Concept {
    /// Not to be followed any more.
    Override,
    /// What a model has been told.
    Instruct,
    /// To judge or to answer.
    Order,
    /// The same in words that are common elsewhere.
    OrderSoft,
    /// Harmless, as a verdict says it.
    Innocent,
    /// Harmless, in words that are common elsewhere.
    Soft,
    /// The opposite.
    Severe,
    /// A step of a scale.
    Level,
    /// The result by its name.
    Verdict,
    /// The same in words that are common elsewhere.
    VerdictSoft,
    /// What is judged.
    Subject,
    /// Who judges.
    Addressee,
    /// To say what should not be said.
    Reveal,
    /// What should not be said.
    Secret,
    /// A new role or a new task.
    Persona,
    /// How people talk to models.
    Chat,
    /// A whole instruction written without spaces.
    Squeezed,
}

impl Concept {
    pub(crate) const fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// Comma separated, by concept; a line holds one language or a few.
const WORDS: &[(Concept, &str)] = &[
    (
        Concept::Override,
        "ignor*,disregard*,forget*,overrid*,bypass*,pay_no_attention,do_not_follow,don_t_follow,stop_following,do_not_obey,discard*,neglect*,supersede*,set_aside,no_longer_apply,no_longer_valid",
    ),
    (
        Concept::Override,
        "missacht*,vergiss*,vergesst,ausser_acht,nicht_beachten,oublie*,ne_tiens_pas_compte,ne_tenez_pas_compte,abstraction_de,olvida*,caso_omiso,desestim*,descart*,esqueca*,desconsider*,dimentica*,trascura*,non_seguire",
    ),
    (
        Concept::Override,
        "negeer*,vergeet*,strunta,glom,bortse,glem,zignoruj*,zapomnij*,pomin*,zapomen*,yoksay*,yok_say*,gormezden_gel*,dikkate_alma*,unut,uita*,figyelmen_kivul,felejtsd*,unohda*,ohita*,huomiotta,abaikan*,lupakan*,bo_qua,phot_lo,quen_di",
    ),
    (
        Concept::Override,
        "игнорир*,проигнорир*,забудь*,не_обращай*,не_следуй*,пренебрег*,отмени*,ігнору*,проігнору*,αγνοησ*,ξεχασ*",
    ),
    (
        Concept::Override,
        "忽略,无视,無視,忘记,忘記,忘掉,忽視,不要理会,忘れ,従わない,무시,잊어,잊으,따르지,تجاهل,انس_,نادیده,فراموش,התעלם,תתעלם,תתעלמ,התעלמ,שכח,अनदेखा,नजरअंदाज,नज़रअंदाज़,भूल_जा,उपेक्षा,ละเว้น,เพิกเฉย,ไม่ต้องสนใจ,ลืม",
    ),
    (
        Concept::Override,
        "zanemari*,ignoriraj*,ignorisi*,zaboravi*,игнориш*,занемари*,заборави*,prezri*,ne_upostevaj*,nepaisyk*,ignoruok*,pamirsk*,neievero*,উপেক্ষা,অগ্রাহ্য,ভুলে_যা,புறக்கணி,மறந்து,نظر_انداز,نظرانداز,بھول_جا,անտես*,უგულებელ*,დაივიწყ*,nəzərə_alma*,елеме*,ескерме*,hunsa*,gleymdu*,ችላ*,ignoriruy*,ignorirui*,zabud*,hulue,wushi,mushi_shi*,nazarandaz*,tajahal*",
    ),
    (Concept::Override, "दुर्लक्ष,విస్మరి,పట్టించుకోవద్దు"),
    (
        Concept::Instruct,
        "instruction*,directive*,guideline*,your_rules,all_rules,previous_rules,prior_rules,your_prompt,system_prompt*,previous_prompt*,prior_prompt*,your_programming,your_training,everything_above,the_above_text,anything_above,prior_context,previous_context,previous_messages,what_you_were_told,safety_rules",
    ),
    (
        Concept::Instruct,
        "anweisung*,instruktion*,vorgabe*,bisherigen_regeln,consigne*,directives,instruccion*,indicacion*,directric*,instrucao,instrucoes,diretriz*,istruzion*,direttiv*,instructie*,aanwijzing*,richtlijn*,anvisning*,instruks*",
    ),
    (
        Concept::Instruct,
        "instrukcj*,polecen*,wytyczn*,pokyn*,instrukc*,talimat*,yonerge*,instructiun*,utasitas*,ohjeet,ohjeita,ohjeista,instruksi*,perintah*,huong_dan,chi_dan,chi_thi,инструкц*,указани*,предписани*,правила,інструкц*,вказівк*,οδηγι*,εντολ*",
    ),
    (
        Concept::Instruct,
        "指令,指示,说明,提示词,提示,规则,規則,指引,命令,プロンプト,ルール,지시,명령,지침,프롬프트,تعليمات,أوامر,توجيهات,دستورالعمل,دستورات,הוראות,הנחיות,निर्देश,คำสั่ง,คำแนะนำ",
    ),
    (
        Concept::Instruct,
        "uput*,naredb*,smjernic*,упутств*,инструкциј*,наредб*,navodil*,nurodym*,noradijum*,নির্দেশ,வழிமுறை,அறிவுறுத்தல்,ہدایات,ہدایت,arahan*,հրահանգ*,ინსტრუქცი*,მითითებ*,təlimat*,нұсқау*,fyrirmæl*,መመሪያ*,instruktsi*,ukazani*,zhiling,tishici,shiji,nirdesh*,taelimat*,altaelimat*,instrucci*,instrucion*",
    ),
    (Concept::Instruct, "सूचना,सूचनां,సూచన,ఆదేశ"),
    (
        Concept::Order,
        "classify*,classified_as,mark_*,label*,rate_*,rated,treat,treated_as,consider*,conclude*,respond*,reply,answer*,assume,judge*,assess*,grade,declare*,dismiss*,suppress*,downgrade*,categoriz*,categoris*,designate*,deem*,regard_*",
    ),
    (
        Concept::Order,
        "stufe*,bewerte*,klassifizier*,antworte*,markiere*,behandle*,beurteile*,einstufen,classe*,classez,reponds,repondez,marque*,considere*,traite*,evalue*,clasific*,marca*,responde*,considera*,trata*,califica*,classifi*,responda*,trate*,avalie*",
    ),
    (
        Concept::Order,
        "contrassegn*,rispondi*,tratta*,segnala*,valuta*,classificeer*,markeer*,antwoord*,beschouw*,beoordeel*,klassificera*,markera*,svara*,betrakta*,bedom*,klassificer*,klassifiser*,betragt*,vurder*",
    ),
    (
        Concept::Order,
        "sklasyfikuj*,zaklasyfikuj*,oznacz*,odpowiedz*,uznaj*,traktuj*,ocen*,klasifikuj*,oznac*,odpovez*,povazuj*,siniflandir*,isaretle*,cevap_ver*,cevapla*,yanit_ver*,yanitla*,degerlendir*,kabul_et*,raspunde*,marcheaz*,osztalyoz*,jelold*,valaszolj*,tekintsd*,minosits*,luokittele*,merkitse*,vastaa,arvioi*,klasifikasikan*,tandai*,jawab*,anggap*,phan_loai,danh_dau,tra_loi,xem_la,danh_gia",
    ),
    (
        Concept::Order,
        "классифицир*,пометь*,отметь*,ответь*,отвечай*,считай*,считать,оцени*,присвой*,отнеси*,класифіку*,познач*,відпов*,вважа*,оціни*,ταξινομησ*,απαντησ*,χαρακτηρισ*,θεωρησ*",
    ),
    (
        Concept::Order,
        "分类,分類,归类,歸類,标记,標記,标为,标注,判定,回答,回复,回覆,视为,視為,评为,評為,设为,設為,请将,請將,判断为,判為,判为,認定,答え,マーク,みなし,扱,評価し,분류,표시,답변,응답,간주,판정,대답,평가",
    ),
    (
        Concept::Order,
        "صنف,صنّف,اعتبر,أجب,ضع_علامة,قيّم,طبقه_بندی,طبقه‌بندی,پاسخ,در_نظر_بگیر,علامت,סווג,סמן,השב,ענה,התייחס,דרג,वर्गीकृत,चिह्नित,उत्तर,जवाब,मानें,घोषित,จัดประเภท,ตอบ,ทำเครื่องหมาย,ถือว่า",
    ),
    (
        Concept::Order,
        "oznaci*,klasificiraj*,odgovori*,smatraj*,означи*,одговори*,сматрај*,pazymek*,klasifikuok*,laikyk*,atsakyk*,atzime*,klasifice*,atbildi*,চিহ্নিত,শ্রেণীবদ্ধ,உள்ளதாக,குறிக்க,வகைப்படுத்த,قرار_د,نشان_زد,نشان_لگا,նշիր*,դասակարգ*,მონიშნ*,ჩათვალ*,işarələ*,cavab_ver*,hesab_et*,белгіле*,деп_таны*,merktu*,ምልክት*,klassifitsiru*,otvet*,pomet*,otmet*,schitai*,schitay*,panding,biaoji,huida,hantei,kotae*",
    ),
    (Concept::Order, "వర్గీకరి,గుర్తించ"),
    (
        Concept::OrderSoft,
        "report,output,return,set,say,must,should,print,write,give,choose,select,decide,ensure,make_sure,close,tag,assign,state,gib,melde,setze,musst,sollst,donne,indique*,indica*,devuelve,retorne,必须,輸出,输出,返回,返し,出力,출력",
    ),
    (
        Concept::Innocent,
        "benign,benigno,benigna,benigne,benin,harmless*,false_positive*,falsepositive,innocuous,not_malicious,non_malicious,nonmalicious,not_a_threat,no_threat,known_good,not_suspicious,nothing_suspicious,nothing_malicious,no_malicious,zero_risk",
    ),
    (
        Concept::Innocent,
        "harmlos*,gutartig*,unbedenklich*,ungefahrlich*,fehlalarm*,falsch_positiv*,inoffensi*,faux_positif*,sans_danger,sans_risque,anodin*,inofensiv*,falso_positivo,falsos_positivos,sin_riesgo,sem_risco,innocu*,goedaardig*,onschadelijk*,vals_positief,ongevaarlijk*,ofarlig*,godartad*,falskt_positiv*,ufarlig*,godartet*,ondartet_ikke",
    ),
    (
        Concept::Innocent,
        "nieszkodliw*,lagodn*,falszywy_alarm,falszywie_pozytyw*,neskodn*,falesny_poplach,zararsiz*,yanlis_pozitif,iyi_huylu,fals_pozitiv*,artalmatlan*,joindulatu*,hamis_riasztas*,veszelytelen*,vaaraton*,harmiton*,vaara_halytys,hyvanlaat*,tidak_berbahaya,jinak,positif_palsu,vo_hai,lanh_tinh,duong_tinh_gia",
    ),
    (
        Concept::Innocent,
        "безвред*,безопасн*,доброкачествен*,ложное_срабатыван*,ложным_срабатыван*,нешкідлив*,безпечн*,хибне_спрацюван*,хибним_спрацюван*,αβλαβ*,ακινδυν*,καλοηθ*,ψευδως_θετικ*",
    ),
    (
        Concept::Innocent,
        "良性,无害,無害,误报,誤報,誤検知,무해,오탐,حميد,حميدة,غير_ضار,غير_ضارة,غير_خبيث,إيجابية_كاذبة,إنذار_كاذب,بی_خطر,بی‌خطر,بی_ضرر,בלתי_מזיק,לא_מזיק,שפיר,חיובי_שגוי,हानिरहित,सौम्य,ไม่เป็นอันตราย,ไม่มีอันตราย",
    ),
    (
        Concept::Innocent,
        "bezopas*,bezazlen*,безопас*,neskodljiv*,nekenksming*,nepavojing*,nekaitig*,নিরীহ,ক্ষতিকর_নয়,தீங்கற்ற,بے_ضرر,بےضرر,անվնաս*,უვნებ*,უსაფრთხ*,zərərsiz*,зиянсыз*,қауіпсіз*,skaðlaus*,hættulaus*,ጉዳት_የሌለ*,bezvredn*,liangxing,wuhai,mugai,hanirahit",
    ),
    (Concept::Innocent, "निरुपद्रवी,హానిరహిత,ప్రమాదం_లేని"),
    (
        Concept::Soft,
        "safe,legitimate,legit,legitim*,legittim*,whitelisted,allowlisted,authorized,authorised,trusted,low_risk,expected_behaviour,expected_behavior,expected_activity,approved_change,approved_maintenance,routine_maintenance,planned_maintenance,no_action,informational,normal,unauffallig*,sicher,veilig*,seguro,segura,sicuro,guvenli*,bezpieczn*,bezpecn*,aman,an_toan,легитимн*,нормальн*,安全,正常,合法,안전,정상,양성,آمن,آمنة,سليم,طبيعي,ایمن,בטוח,תקין,תמים,सुरक्षित,सामान्य,ปลอดภัย,ασφαλ*",
    ),
    (
        Concept::Severe,
        "critical,malicious,ransomware,quarantine*,isolate*,kritisch*,bosartig*,critique,malveillan*,critico,critica,malicios*,krytyczn*,zlosliw*,kritick*,критич*,вредонос*,危急,恶意,惡意,严重,嚴重,高危,悪意,重大,심각,악성,حرج,خبيث,קריטי,זדוני,गंभीर,दुर्भावनापूर्ण",
    ),
    (Concept::Level, "low,medium,high,none,info,informational,minimal,niedrig,bajo,baixo,basso,faible,laag,低,无,낮음"),
    (
        Concept::Verdict,
        "verdict,verdicts,suggested_action,suggestedaction,triage_result,final_verdict,triage_verdict,urteil,verdikt*,veredicto*,veredito*,verdetto*,werdykt*,вердикт*,裁决,裁定,结论,結論,判决,판결,결론,الحكم,निर्णय,phan_quyet,putusan*",
    ),
    (
        Concept::VerdictSoft,
        "severity,risk_level,risk_score,threat_level,threat_score,classification,confidence,confidence_score,schweregrad,einstufung,gravite,severidad,severidade,gravita,ernst",
    ),
    (
        Concept::Subject,
        "this_alert*,the_alert,these_alerts,all_alerts,any_alert*,this_event,the_event,this_activity,the_activity,this_process,this_detection,the_detection,this_incident,this_command,this_file,this_host,this_script,this_finding,this_machine,this_user,this_behavior,this_behaviour,this_program,this_binary,this_is,all_of_this,above_alert,above_activity",
    ),
    (
        Concept::Subject,
        "diesen_alarm,dieser_alarm,diese_warnung,diesen_vorfall,dieser_vorfall,dieser_prozess,diesen_prozess,dieses_ereignis,diese_aktivitat,diese_meldung,cette_alerte,ce_processus,cet_evenement,cette_activite,l_alerte,esta_alerta,este_proceso,este_evento,esta_actividad,la_alerta,este_alerta,esse_alerta,este_processo,esta_atividade,o_alerta",
    ),
    (
        Concept::Subject,
        "questo_avviso,questo_allarme,questo_processo,questo_evento,questa_attivita,l_allarme,questo_alert,deze_melding,dit_proces,deze_waarschuwing,dit_alarm,deze_activiteit,deze_gebeurtenis,denna_varning,detta_larm,denna_process,denne_alarm,denne_advarsel,dette_varselet,ten_alert,ten_alarm,to_zdarzenie,ten_proces,to_ostrzezenie,toto_upozorneni,tento_proces,tuto_vystrahu",
    ),
    (
        Concept::Subject,
        "bu_uyari*,bu_alarm*,bu_olay*,bu_islem*,bu_surec*,aceasta_alerta,acest_proces,ezt_a_riasztast,ez_a_riasztas,ez_a_folyamat,tama_halytys,taman_halytyksen,tama_prosessi,peringatan_ini,proses_ini,kejadian_ini,aktivitas_ini,canh_bao_nay,tien_trinh_nay,su_kien_nay,hoat_dong_nay",
    ),
    (
        Concept::Subject,
        "это_оповещени*,этот_процесс,это_событи*,этот_алерт,данное_событи*,это_предупрежден*,эту_тревогу,этот_инцидент,эта_активност*,це_сповіщенн*,цей_процес,цю_поді*,цей_алерт,αυτη_την_ειδοποιηση,αυτη_η_ειδοποιηση,αυτη_η_διαδικασια,αυτο_το_συμβαν",
    ),
    (
        Concept::Subject,
        "此警报,该警报,这个警报,此告警,该告警,这条告警,此事件,该事件,此进程,该进程,这个进程,本警报,此活动,该活动,此警報,此程序,このアラート,このプロセス,このイベント,この警告,本アラート,この活動,이_경고,이_프로세스,이_이벤트,이_알림,이_경보,هذا_التنبيه,هذه_العملية,هذا_الحدث,این_هشدار,این_فرآیند,این_رویداد,ההתראה_הזו,ההתראה_הזאת,התראה_זו,התהליך_הזה,इस_अलर्ट,यह_अलर्ट,इस_चेतावनी,यह_प्रक्रिया,การแจ้งเตือนนี้,กระบวนการนี้",
    ),
    (Concept::Subject, "इशारा,హెచ్చరిక"),
    (
        Concept::Addressee,
        "ai_assistant*,ai_model*,ai_agent*,ai_analyst*,ai_triage,ai_system*,security_ai,dear_ai,dear_assistant,hey_ai,note_to_ai,to_the_ai,the_ai,assistant,language_model*,llm,llms,chatgpt,gpt*,claude,gemini,copilot,chatbot,dear_model,to_the_model,the_model,model_must,model_should,analyst,to_analyst,soc_analyst,triage_bot,triage_engine,triage_model,triage_system,triage_agent,the_classifier,grader,evaluator,reviewer",
    ),
    (
        Concept::Addressee,
        "ki_assistent*,ki_modell*,liebe_ki,sprachmodell*,analyst_in,modele_de_langage,analyste,modelo_de_lenguaje,asistente*,analista,modelo_de_linguagem,assistente*,modello_linguistico,taalmodel*,assistent*,sprakmodel*,model_jezykowy,asystent*,jazykovy_model,asistent*,dil_modeli*,asistan*,yapay_zeka*,nyelvi_modell*,asszisztens*,kielimalli*,avustaja*,model_bahasa,asisten*,tro_ly,mo_hinh",
    ),
    (
        Concept::Addressee,
        "языковая_модель,языковой_модели,ассистент*,помощник*,нейросет*,аналитик*,модель_должна,мовна_модель,асистент*,помічник*,βοηθε,γλωσσικο_μοντελο,语言模型,語言模型,大模型,人工智能,人工智慧,助手,助理,模型,分析师,言語モデル,アシスタント,モデル,アナリスト,언어_모델,어시스턴트,모델,비서,분석가,مساعد,نموذج_اللغة,الذكاء_الاصطناعي,النموذج,المحلل,هوش_مصنوعی,دستیار,מודל_שפה,עוזר,सहायक,मॉडल,ผู้ช่วย,โมเดล",
    ),
    (
        Concept::Reveal,
        "reveal*,repeat*,print,echo,show,output,display*,dump,disclose*,leak*,tell_me,write_out,expose*,what_are_your,what_is_your,recite,include,append,quote,zeige,nenne,wiederhole*,verrate*,revele*,affiche*,repete*,montre*,revela*,muestra*,repite*,imprime*,mostre*,repita*,rivela*,mostra*,ripeti*,onthul*,toon,herhaal*,ujawnij*,pokaz*,powtorz*,goster*,acikla*,tekrarla*,tiet_lo,hien_thi,tampilkan*,ungkapkan*",
    ),
    (
        Concept::Reveal,
        "покажи*,раскрой*,повтори*,выведи*,розкрий*,显示,顯示,透露,重复,重複,打印,输出,輸出,揭示,表示し,教え,繰り返,出力し,보여,출력,반복,공개,اكشف,اعرض,كرر,اطبع,הצג,חשוף,दिखा,बता,दोहरा",
    ),
    (
        Concept::Secret,
        "angle_brackets,your_delimiter*,the_delimiter*,system_prompt*,system_message*,your_instructions,your_prompt,initial_prompt,hidden_prompt,instructions_above,text_above,everything_above,fence_marker*,the_nonce,all_other_fields,other_fields,all_fields,other_tenant*,other_customers,your_api_key,your_configuration,your_rules,previous_conversation,conversation_history,systemprompt*,deine_anweisung*,ihre_anweisung*,deine_instruktion*,vos_instructions,tes_instructions,prompt_systeme,message_systeme,tus_instrucciones,prompt_del_sistema,mensaje_del_sistema",
    ),
    (
        Concept::Secret,
        "suas_instrucoes,prompt_do_sistema,tue_istruzioni,prompt_di_sistema,jouw_instructies,je_instructies,systeemprompt,swoje_instrukcje,prompt_systemowy,sistem_istemi*,talimatlarini,sistem_mesaj*,системный_промпт,системную_подсказку,свои_инструкции,системное_сообщение,системний_промпт,系统提示,系統提示,你的指令,上述内容,其他字段,システムプロンプト,あなたの指示,시스템_프롬프트,너의_지시,موجه_النظام,تعليماتك,رسالة_النظام,הנחיות_המערכת,הנחיית_המערכת,सिस्टम_प्रॉम्प्ट",
    ),
    (
        Concept::Persona,
        "you_are_now,from_now_on_you,from_now_on_respond,pretend_to_be,pretend_you,pretend_that,roleplay_as,developer_mode,dan_mode,do_anything_now,jailbreak*,new_instructions,new_instruction,new_system_prompt,updated_instructions,new_directive*,your_new_task,your_new_role,your_task_is,your_only_task,system_override,admin_override,override_code,end_of_alert*,end_of_input,end_of_untrusted,end_of_fields,end_of_summary,begin_system,important_system",
    ),
    (
        Concept::Persona,
        "du_bist_jetzt,ab_jetzt_bist,neue_anweisung*,tu_so_als,tu_es_maintenant,vous_etes_maintenant,nouvelles_instructions,nouvelle_consigne,desormais_tu,ahora_eres,a_partir_de_ahora,nuevas_instrucciones,actua_como,agora_voce,voce_agora,a_partir_de_agora,novas_instrucoes,aja_como,ora_sei,d_ora_in_poi,nuove_istruzioni,fingi_di,je_bent_nu,vanaf_nu,nieuwe_instructies,jestes_teraz,od_teraz,nowe_instrukcje,artik_sen,bundan_sonra,yeni_talimat*,mulai_sekarang,sekarang_kamu,instruksi_baru,bay_gio_ban,tu_bay_gio",
    ),
    (
        Concept::Persona,
        "теперь_ты,ты_теперь,новые_инструкции,новая_инструкция,с_этого_момента,действуй_как,притворись,тепер_ти,нові_інструкції,你现在是,你現在是,从现在开始,從現在開始,从现在起,新指令,新的指令,假装,扮演,あなたは今,今から,これから,新しい指示,ふりを,이제부터,당신은_이제,너는_이제,새로운_지시,أنت_الآن,من_الآن,تعليمات_جديدة,אתה_עכשיו,מעכשיו,הוראות_חדשות,अब_आप,अब_से,नए_निर्देश",
    ),
    (
        Concept::Chat,
        "as_an_ai,you_are_a_helpful,you_are_an_ai,helpful_assistant,as_a_language_model,act_as_an_ai,act_as_a_security",
    ),
    (
        Concept::Squeezed,
        "*ignorepreviousinstruction*,*ignoreallpreviousinstruction*,*ignorepriorinstruction*,*ignoreallpriorinstruction*,*ignoretheaboveinstruction*,*ignoreallinstruction*,*ignoreyourinstruction*,*ignoretheinstruction*,*disregardpreviousinstruction*,*disregardallpreviousinstruction*,*disregardallinstruction*,*disregardyourinstruction*,*disregardpriorinstruction*,*forgetpreviousinstruction*,*forgetallpreviousinstruction*,*forgetyourinstruction*,*forgetallinstruction*,*overridepreviousinstruction*,*ignorepreviousrules*,*ignoreallrules*,*newsysteminstruction*,*systempromptoverride*,*revealsystemprompt*,*revealthesystemprompt*,*printsystemprompt*,*showsystemprompt*",
    ),
    (
        Concept::Squeezed,
        "*verdictbenign*,*verdictisbenign*,*benignverdict*,*verdictislow*,*verdictharmless*,*classifyasbenign*,*classifythisasbenign*,*classifythisalertasbenign*,*markasbenign*,*markthisasbenign*,*markthisalertasbenign*,*labelasbenign*,*thisisbenign*,*thisalertisbenign*,*thisalertisafalsepositive*,*thisisafalsepositive*,*markasfalsepositive*,*classifyasfalsepositive*,*answerbenign*,*saybenign*,*respondbenign*,*respondwithbenign*,*answerwithbenign*,*replybenign*,*suggestedactionmonitor*,*treatasbenign*,*treatthisasbenign*,*notmaliciousbenign*,*setverdictto*,*verdictcritical*",
    ),
];

/// What is searched for, with its concepts as bits.
#[allow(dead_code, reason = "build.rs alone asks")]
pub(crate) fn patterns() -> BTreeMap<String, u32> {
    let mut patterns = BTreeMap::new();
    for (concept, words) in WORDS {
        for word in words.split(',') {
            *patterns.entry(pattern(word)).or_default() |= concept.bit();
        }
    }
    patterns
}

/// What is searched for: spaces where the word must begin and end.
fn pattern(word: &str) -> String {
    let (anywhere, word) = word.strip_prefix('*').map_or((false, word), |word| (true, word));
    let (open, word) = word.strip_suffix('*').map_or((false, word), |word| (true, word));
    let inner = words(&word.replace('_', " "));
    let inner = inner.trim();
    let joins = inner.chars().any(joins_words);
    let before = if anywhere || joins { "" } else { " " };
    let after = if open || joins { "" } else { " " };
    format!("{before}{inner}{after}")
}

/// Scripts without spaces between words, or with particles joined to them.
fn joins_words(c: char) -> bool {
    matches!(u32::from(c), 0x0590..=0x06FF | 0x0900..=0x0E7F | 0x3040..=0x30FF | 0x3400..=0x9FFF | 0xAC00..=0xD7AF)
}

/// Lower case, no accents, everything that is not a letter or digit one space, a space at both ends; `camelCase` parted.
pub(crate) fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    out.push(' ');
    let mut before = ' ';
    for c in text.chars() {
        if is_mark(c) {
            continue;
        }
        if !c.is_alphanumeric() {
            if !out.ends_with(' ') {
                out.push(' ');
            }
            before = c;
            continue;
        }
        // Words of one alphabet end where a script without spaces begins, and begin where it ends.
        if before.is_alphanumeric() && (joins_words(c) && before.is_ascii() || c.is_ascii() && joins_words(before)) {
            out.push(' ');
        }
        if c.is_ascii() {
            // Most letters: none of these has an accent.
            if c.is_ascii_uppercase() && before.is_lowercase() {
                out.push(' ');
            }
            out.push(c.to_ascii_lowercase());
        } else {
            if c.is_uppercase() && before.is_lowercase() {
                out.push(' ');
            }
            let plain = unaccented(c);
            out.extend(plain.to_lowercase());
        }
        before = c;
    }
    if !out.ends_with(' ') {
        out.push(' ');
    }
    out
}

/// Combining marks that some write and some leave out.
fn is_mark(c: char) -> bool {
    matches!(u32::from(c), 0x0300..=0x036F | 0x0591..=0x05C7 | 0x0610..=0x061A | 0x064B..=0x065F | 0x093C | 0x094D | 0x0E47..=0x0E4E | 0x200B..=0x200F)
}

pub(crate) const LATIN_1: &str = "AAAAAAACEEEEIIIIDNOOOOOxOUUUUYTsaaaaaaaceeeeiiiidnooooo/ouuuuyty";
pub(crate) const LATIN_A: &str = "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiJjJjKkkLlLlLlLlLlNnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";
pub(crate) const VIETNAMESE: &str =
    "AaAaAaAaAaAaAaAaAaAaAaAaEeEeEeEeEeEeEeEeIiIiOoOoOoOoOoOoOoOoOoOoOoOoUuUuUuUuUuUuUuYyYyYyYy";

fn unaccented(c: char) -> char {
    let from =
        |letters: &str, index: u32| letters.as_bytes().get(index as usize).map_or(c, |letter| char::from(*letter));
    match u32::from(c) {
        code @ 0xC0..=0xFF => from(LATIN_1, code - 0xC0),
        code @ 0x100..=0x17F => from(LATIN_A, code - 0x100),
        0x1A0 | 0x1A1 => 'o',
        0x1AF | 0x1B0 => 'u',
        code @ 0x1EA0..=0x1EF9 => from(VIETNAMESE, code - 0x1EA0),
        _ => match c {
            'ё' | 'Ё' => 'е',
            'ά' | 'Ά' => 'α',
            'έ' | 'Έ' => 'ε',
            'ή' | 'Ή' => 'η',
            'ί' | 'Ί' | 'ϊ' => 'ι',
            'ό' | 'Ό' => 'ο',
            'ύ' | 'Ύ' => 'υ',
            'ώ' | 'Ώ' => 'ω',
            'ς' => 'σ',
            'ș' | 'Ș' => 's',
            'ț' | 'Ț' => 't',
            c => c,
        },
    }
}
